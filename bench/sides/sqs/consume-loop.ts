import { DeleteMessageBatchCommand, type Message, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { type Payload, perform, type Work } from "../job.ts";
import { type Count, Meter, options, type Span, tell } from "../side.ts";
import { type At, sdkClient, urlOf } from "./sdk.ts";

/** Works off a backlog by the best loop that one writes by hand: several of them, ten at once, deletes batched. */
const { pollers, work, extent, ...at } = options() as At & {
  readonly pollers: number;
  readonly work: Work;
  readonly extent: Count | Span;
};
const meter = new Meter(extent);
const sqs = sdkClient(at);
const QueueUrl = urlOf(at);

async function handle({ Body = "" }: Message): Promise<void> {
  const { payload } = JSON.parse(Body) as { readonly payload: Payload };
  await perform(work, payload.number);
  meter.count();
}

async function loop(): Promise<never> {
  for (;;) {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
    );
    await Promise.all(Messages.map(handle));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}

for (let started = 0; started < pollers; started += 1) void loop();
tell(await meter.done);
