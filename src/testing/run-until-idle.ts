import { QueueError } from "../errors.ts";
import type { QueueStats } from "../queue.ts";
import type { Worker } from "../worker/worker.ts";
import type { FakeClock } from "./fake-clock.ts";

export interface RunUntilIdleOptions {
  /** The clock of the worker's queue; it is turned as far as it takes. */
  readonly clock: FakeClock;
  /** Virtual milliseconds after which it gives up. @default 31536000000, a year */
  readonly maxMs?: number | undefined;
}

const YEAR_MS = 31_536_000_000;
/** Real time that running handlers get for real input and output, before the clock is turned on. */
const REAL_MS = 2;

/**
 * Runs a worker until its queues are empty: nothing ready, nothing running, nothing delayed. Backoffs and delays of
 * days pass at once, since the clock is turned from timer to timer. Then the worker is stopped.
 *
 * @throws QueueError `timeout` where messages are left after `maxMs`; `not_supported` where they are not counted; whatever `worker.start` throws.
 *
 * @example
 * const clock = new FakeClock();
 * const queue = createQueue(memory({ clock }), { clock });
 * await queue.sendDelayed("emails", { type: "tips", payload: {} }, { days: 3 });
 * await runUntilIdle(worker, "emails", { clock });
 */
export async function runUntilIdle(
  worker: Worker,
  queues: string | readonly string[],
  options: RunUntilIdleOptions,
): Promise<void> {
  const { clock, maxMs = YEAR_MS } = options;
  const names = typeof queues === "string" ? [queues] : queues;
  const until = clock.now() + maxMs;
  let ended: { readonly error: unknown } | undefined;
  const working = worker.start(names).catch((error: unknown) => {
    ended = { error };
  });
  try {
    for (;;) {
      await clock.settle();
      if (ended !== undefined) break;
      const left = (await Promise.all(names.map((name) => worker.queue.stats(name)))).map(open);
      if (left.every((count) => count === 0) && worker.health().running === 0) break;
      if (clock.now() >= until) throw stillBusy(names, left, maxMs);
      // A handler that does real input and output needs real time; one that waits on the clock, the clock.
      if (worker.health().running > 0) await new Promise((resolve) => setTimeout(resolve, REAL_MS));
      await clock.advanceToNext();
    }
  } finally {
    await stop(worker, working, clock);
  }
  if (ended !== undefined) throw ended.error;
}

/** Drains the worker, turning the clock where a drain waits for it. */
async function stop(worker: Worker, working: Promise<void>, clock: FakeClock): Promise<void> {
  let stopped = false;
  const stopping = Promise.all([worker.stop(), working]).then(() => {
    stopped = true;
  });
  for (;;) {
    await clock.settle();
    if (stopped) break;
    if (!(await clock.advanceToNext())) await new Promise((resolve) => setTimeout(resolve, REAL_MS));
  }
  await stopping;
}

function open({ messages, inFlight, delayed }: QueueStats): number {
  if (messages !== undefined && inFlight !== undefined && delayed !== undefined) {
    return messages + inFlight + delayed;
  }
  throw new QueueError(
    "not_supported",
    "This queue does not say how many messages it holds, so nobody knows when it is idle. Test with a driver that counts.",
  );
}

function stillBusy(names: readonly string[], left: readonly number[], maxMs: number): QueueError {
  const rest = names.map((name, index) => `${name}: ${left[index]}`).join(", ");
  return new QueueError(
    "timeout",
    `After ${maxMs} ms on the clock there are messages left (${rest}). Raise maxMs, or look at what keeps them: a paused worker, an unknown type, a handler that never ends.`,
  );
}
