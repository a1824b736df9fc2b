import type { Message } from "@google-cloud/pubsub";
import { messageOf, startWorker } from "../job.ts";
import { markHandled, roundTrips } from "../load.ts";
import { options, report } from "../measure.ts";
import { type At, libraryClient, libraryPublisher, openQueueport } from "./clients.ts";

/** Measures the time from the call of `send` to the first line of the handler on an idle queue. */
const { by, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "library";
  readonly warmUp: number;
  readonly messages: number;
};
report(await roundTrips(warmUp, messages, by === "queueport" ? byQueueport() : byLibrary()));

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  startWorker(queue, 10, async () => markHandled());
  return (number) => queue.send("bench", messageOf(number));
}

function byLibrary(): (number: number) => Promise<unknown> {
  const client = libraryClient(at);
  client.subscription("bench").on("message", (message: Message) => {
    markHandled();
    message.ack();
  });
  return libraryPublisher(client);
}
