import { inParallel } from "../load.ts";
import { after, type Figures, Meter, options, percentiles, report } from "../measure.ts";
import { type At, sender } from "./clients.ts";

/** Sends one message per call. */
const { by, width, warmUp, messages, ...at } = options() as At & {
  readonly by: "queueport" | "sdk";
  /** Number of concurrent calls, whose rate is measured. Without it, the time of single calls on an idle queue is. */
  readonly width?: number;
  readonly warmUp: number;
  readonly messages: number;
};
const send = sender(by, at);
report(await (width === undefined ? oneByOne() : concurrently(width)));

async function concurrently(callers: number): Promise<Figures> {
  const meter = new Meter({ warmUp, messages });
  await inParallel(warmUp + messages, callers, async (number) => {
    await send(number);
    meter.count();
  });
  return meter.done;
}

async function oneByOne(): Promise<Figures> {
  const times: number[] = [];
  for (let number = 0; number < warmUp + messages; number += 1) {
    const startedAt = performance.now();
    await send(number);
    if (number >= warmUp) times.push(performance.now() - startedAt);
    await after(1);
  }
  return { ...percentiles(times), messages: warmUp + messages };
}
