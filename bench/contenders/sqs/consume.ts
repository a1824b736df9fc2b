import {
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";
import { type Payload, perform, startWorker, type Work } from "../job.ts";
import { type Count, Meter, options, report, type Span } from "../measure.ts";
import { type At, openQueueport, sdkClient, urlOf } from "./clients.ts";

/** Consumes a backlog. */
const { by, concurrency, pollers, batch, work, extent, ...at } = options() as At & {
  readonly by: "queueport" | "sqs-consumer" | "loop";
  /** Number of slots of queueport. */
  readonly concurrency: number;
  /** Number of concurrent consumers or loops of the others. */
  readonly pollers: number;
  /** Whether sqs-consumer passes all messages of a poll to one handler. */
  readonly batch: boolean;
  readonly work: Work;
  readonly extent: Count | Span;
};
const meter = new Meter(extent);
if (by === "queueport") {
  startWorker(openQueueport(at), concurrency, async ({ number }) => {
    await perform(work, number);
    meter.count();
  });
} else {
  const sqs = sdkClient(at);
  const start = by === "loop" ? () => void loop(sqs) : await consumerStarter(sqs);
  for (let started = 0; started < pollers; started += 1) start();
}
report(await meter.done);

async function handle(message: Message): Promise<Message> {
  const { payload } = JSON.parse(message.Body ?? "") as { readonly payload: Payload };
  await perform(work, payload.number);
  meter.count();
  return message;
}

/** The best loop that is usually written by hand: ten messages at once, then one batch of deletes. */
async function loop(sqs: SQSClient): Promise<never> {
  const QueueUrl = urlOf(at);
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
    );
    await Promise.all(Messages.map(handle));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

/** The consumer of the README of sqs-consumer. The import is dynamic so that no other contender loads the package. */
async function consumerStarter(sqs: SQSClient): Promise<() => void> {
  const { Consumer } = await import("sqs-consumer");
  const how = batch
    ? { handleMessageBatch: (all: Message[]) => Promise.all(all.map(handle)) }
    : { handleMessage: handle };
  return () =>
    Consumer.create({ queueUrl: urlOf(at), sqs, batchSize: 10, waitTimeSeconds: 20, ...how }).start();
}
