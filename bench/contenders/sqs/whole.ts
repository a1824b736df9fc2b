import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { messageOf, payloadOf, startWorker } from "../job.ts";
import { inParallel } from "../load.ts";
import { type Figures, Meter, options, report } from "../measure.ts";
import { type At, openQueueport, sdkClient, urlOf } from "./clients.ts";

/** Sends with 50 concurrent callers, then receives and acknowledges all messages. The server counts the requests. */
const { by, messages, ...at } = options() as At & {
  readonly by: "queueport" | "sdk";
  readonly messages: number;
};
const SENDERS = 50;
const meter = new Meter({ warmUp: 1, messages: messages - 1 });
report({ ...(await (by === "queueport" ? byQueueport() : bySdk())), messages });

async function byQueueport(): Promise<Figures> {
  // A short long poll, because `stop` waits for the last poll, which finds nothing.
  const queue = openQueueport(at, { waitSeconds: 1 });
  await inParallel(messages, SENDERS, (number) => queue.send("bench", messageOf(number)));
  const worker = startWorker(queue, 100, async () => meter.count());
  const figures = await meter.done;
  // Resolves once the last acknowledgement is confirmed.
  await worker.stop();
  return figures;
}

/** The usual code: one request to send a message, one to delete it, and one to receive ten. */
async function bySdk(): Promise<Figures> {
  const sqs = sdkClient(at);
  const QueueUrl = urlOf(at);
  await inParallel(messages, SENDERS, (number) =>
    sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(payloadOf(number)) })),
  );
  for (let handled = 0; handled < messages;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
    );
    for (const { ReceiptHandle } of Messages) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      meter.count();
    }
    handled += Messages.length;
  }
  return meter.done;
}
