import type { Message } from "@google-cloud/pubsub";
import { messageOf, payloadOf, startWorker } from "../job.ts";
import { type At, libraryClient, openQueueport } from "../pubsub/clients.ts";
import { options, tell } from "../side.ts";
import { handled, roundTrips } from "./round.ts";

/** An idle queue: from the call that sends to the first line of the handler. */
const { by, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "library";
  readonly warmUp: number;
  readonly messages: number;
};
const { figures } = await roundTrips(warmUp, messages, by === "queueport" ? byQueueport() : byLibrary());
tell(figures);

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  startWorker(queue, 10, async () => handled());
  return (number) => queue.send("bench", messageOf(number));
}

function byLibrary(): (number: number) => Promise<unknown> {
  const client = libraryClient(at);
  client.subscription("bench").on("message", (message: Message) => {
    handled();
    message.ack();
  });
  const topic = client.topic("bench");
  return (number) => topic.publishMessage({ json: { id: crypto.randomUUID(), payload: payloadOf(number) } });
}
