import { DeleteMessageBatchCommand, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import { messageOf, startWorker } from "../job.ts";
import { markHandled, roundTrips } from "../load.ts";
import { options, report } from "../measure.ts";
import { type At, openQueueport, sdkClient, sdkSender, type Send, urlOf } from "./clients.ts";

/** Measures the time from the call of `send` to the first line of the handler on an idle queue. */
const { by, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "sdk";
  readonly warmUp: number;
  readonly messages: number;
};
report(await roundTrips(warmUp, messages, by === "queueport" ? byQueueport() : bySdk()));

function byQueueport(): Send {
  const queue = openQueueport(at);
  startWorker(queue, 10, async () => markHandled());
  return (number) => queue.send("bench", messageOf(number));
}

function bySdk(): Send {
  void pollBySdk();
  return sdkSender(at);
}

async function pollBySdk(): Promise<never> {
  const [polls, deletes] = [sdkClient(at), sdkClient(at)];
  const QueueUrl = urlOf(at);
  for (;;) {
    const { Messages = [] } = await polls.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
    );
    for (const _ of Messages) markHandled();
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    void deletes.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
  }
}
