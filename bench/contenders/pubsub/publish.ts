import { createMetrics } from "../../../src/metrics/index.ts";
import { messageOf } from "../job.ts";
import { inParallel } from "../load.ts";
import { Meter, options, report } from "../measure.ts";
import { type At, libraryClient, libraryPublisher, openQueueport } from "./clients.ts";

/** Publishes with `width` concurrent callers, one message per call. */
const { by, width, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "library";
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const send = by === "queueport" ? byQueueport() : libraryPublisher(libraryClient(at));
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await send(number);
  meter.count();
});
report(await meter.done);

function byQueueport(): (number: number) => Promise<unknown> {
  const queue = openQueueport(at);
  createMetrics({ only: queue });
  return (number) => queue.send("bench", messageOf(number));
}
