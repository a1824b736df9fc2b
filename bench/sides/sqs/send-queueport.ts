import { createMetrics } from "../../../src/metrics/index.ts";
import { messageOf } from "../job.ts";
import { inParallel, Meter, options, tell } from "../side.ts";
import { type At, openQueueport } from "./sdk.ts";

/** `send()` for each message, a number of them at once. */
const { width, warmUp, messages, ...at } = options() as At & {
  readonly width: number;
  readonly warmUp: number;
  readonly messages: number;
};
const queue = openQueueport(at);
createMetrics({ only: queue });
const meter = new Meter({ warmUp, messages });
await inParallel(warmUp + messages, width, async (number) => {
  await queue.send("bench", messageOf(number));
  meter.count();
});
tell(await meter.done);
