import type { Message } from "@google-cloud/pubsub";
import { startWorker } from "../job.ts";
import { Meter, options, report } from "../measure.ts";
import { type At, libraryClient, openQueueport } from "./clients.ts";

/** Consumes a backlog. The library does so as in its README. */
const { by, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "library";
  readonly warmUp: number;
  readonly messages: number;
};
/** The default of the library, `flowControl.maxMessages`. */
const CONCURRENCY = 1_000;
const meter = new Meter({ warmUp, messages });
if (by === "queueport") {
  startWorker(openQueueport(at), CONCURRENCY, async () => meter.count());
} else {
  const subscription = libraryClient(at).subscription("bench");
  subscription.on("message", (message: Message) => {
    JSON.parse(message.data.toString());
    message.ack();
    meter.count();
  });
}
report(await meter.done);
