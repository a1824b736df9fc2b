import { DeleteMessageBatchCommand, ReceiveMessageCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { messageOf, payloadOf, startWorker } from "../job.ts";
import { options, tell } from "../side.ts";
import { type At, openQueueport, sdkClient, urlOf } from "../sqs/sdk.ts";
import { handled, roundTrips } from "./round.ts";

/** An idle queue: from the call that sends to the first line of the handler. */
const { by, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "sdk";
  readonly warmUp: number;
  readonly messages: number;
};
const { figures } = await roundTrips(warmUp, messages, by === "queueport" ? byQueueport() : bySdk());
tell(figures);

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  startWorker(queue, 10, async () => handled());
  return (number) => queue.send("bench", messageOf(number));
}

function bySdk(): (number: number) => Promise<unknown> {
  const [sends, polls] = [sdkClient(at), sdkClient(at)];
  const QueueUrl = urlOf(at);
  const poll = async (): Promise<never> => {
    for (;;) {
      const { Messages = [] } = await polls.send(
        new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
      );
      for (const _ of Messages) handled();
      const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      void sends.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    }
  };
  void poll();
  return (number) => {
    const MessageBody = JSON.stringify({ id: crypto.randomUUID(), payload: payloadOf(number) });
    return sends.send(new SendMessageCommand({ QueueUrl, MessageBody }));
  };
}
