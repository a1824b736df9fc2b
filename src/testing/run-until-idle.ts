import { QueueError } from "../errors.ts";
import type { QueueStats } from "../queue/queue.ts";
import type { Worker } from "../worker/worker.ts";
import type { FakeClock } from "./fake-clock.ts";
import { realTime } from "./real-time.ts";
import { RealWork } from "./real-work.ts";

/** How {@link runUntilIdle} turns the clock. */
export interface RunUntilIdleOptions {
  /** The clock of the worker's queue; it is turned as far as it takes. */
  readonly clock: FakeClock;
  /** Virtual milliseconds after which it gives up. @default 31536000000, a year */
  readonly maxMs?: number | undefined;
  /**
   * Real milliseconds that a handler gets for real input and output (a socket, a file, a timer of the machine) before
   * the clock is turned on beside it. @default 2000
   */
  readonly realMs?: number | undefined;
}

const YEAR_MS = 31_536_000_000;
/** Timers of empty polls between two looks at the counts, while all that is left is delayed: it might also expire. */
const TIMERS_BETWEEN_LOOKS = 1_000;
/** With nothing on the clock and nothing running, only a driver's own input and output can bring more: it gets this many such waits. */
const MOST_SILENT = 500;
/** Handlers that ignored their timeout, and are all that is left, get this long on the clock to end after all. */
const STALLED_MS = 3_600_000;

/**
 * Runs a worker until its queues are empty: nothing ready, nothing running, nothing delayed. Backoffs and delays of
 * days pass at once, since the clock is turned from timer to timer. Then the worker is stopped.
 *
 * @throws QueueError `invalid_options` where the queue waits by another clock; `timeout` where messages are left after `maxMs`; `not_supported` where they are not counted; whatever `worker.start` throws.
 *
 * @example
 * const clock = new FakeClock();
 * const queue = createQueue(memory({ clock }));
 * await queue.sendDelayed("emails", { type: "tips", payload: {} }, { days: 3 });
 * await runUntilIdle(worker, "emails", { clock });
 */
export async function runUntilIdle(
  worker: Worker,
  queues: string | readonly string[],
  options: RunUntilIdleOptions,
): Promise<void> {
  const { clock, maxMs = YEAR_MS, realMs = 2_000 } = options;
  if (worker.queue.clock !== clock) {
    throw new QueueError(
      "invalid_options",
      "runUntilIdle turns a clock that this worker's queue does not wait by. Give one clock to both: createQueue(memory({ clock })).",
    );
  }
  const names = typeof queues === "string" ? [queues] : queues;
  const started = clock.now();
  const until = started + maxMs;
  let busyAt = started;
  let silent = 0;
  let ended: { readonly error: unknown } | undefined;
  const realWork = new RealWork(worker, realMs);
  const working = worker.run(names).catch((error: unknown) => {
    ended = { error };
  });
  try {
    for (;;) {
      await clock.settle();
      if (ended !== undefined) break;
      const stats = await Promise.all(names.map((name) => worker.queue.stats(name)));
      const left = stats.map(open);
      const { running, stuck } = worker.health();
      if (left.some((count) => count > 0) || running > stuck.length) busyAt = clock.now();
      // The drain then names those that would not end.
      else if (running === 0 || clock.now() - busyAt >= STALLED_MS) break;
      if (clock.now() >= until || silent > MOST_SILENT) throw stillBusy(names, left, clock.now() - started);
      // A handler that does real input and output needs real time; one that waits on the clock, the clock.
      if (running > 0) await realWork.wait();
      else realWork.rest();
      const isAsleep = running === 0 && !stats.some(isAwake);
      if (await (isAsleep ? sleepThrough(worker, clock, until) : clock.advanceToNext())) silent = 0;
      else if (running === 0) {
        silent += 1;
        await realTime();
      }
    }
  } finally {
    realWork.close();
    await clock.until(Promise.all([worker.stop(), working]), { maxMs: Number.POSITIVE_INFINITY });
  }
  if (ended !== undefined) throw ended.error;
}

/**
 * Turns the clock until something is received, or nothing is left on it; false where nothing was. To ask for the counts
 * at each timer would take most of the time.
 */
async function sleepThrough(worker: Worker, clock: FakeClock, until: number): Promise<boolean> {
  let isAsleep = true;
  const onPolled = ({ messages }: { readonly messages: number }): void => {
    if (messages > 0) isAsleep = false;
  };
  worker.on("polled", onPolled);
  let timers = 0;
  while (isAsleep && timers < TIMERS_BETWEEN_LOOKS && clock.now() < until && (await clock.advanceToNext()))
    timers += 1;
  worker.off("polled", onPolled);
  return timers > 0;
}

function isAwake({ messages, inFlight }: QueueStats): boolean {
  return messages !== 0 || inFlight !== 0;
}

function open({ messages, inFlight, delayed }: QueueStats): number {
  if (messages !== undefined && inFlight !== undefined && delayed !== undefined) {
    return messages + inFlight + delayed;
  }
  throw new QueueError(
    "not_supported",
    'This queue does not say how many messages it holds, so nobody knows when it is idle. Test with one that counts; memory({ emulate: "pubsub", stats: "exact" }) does.',
  );
}

function stillBusy(names: readonly string[], left: readonly number[], ms: number): QueueError {
  const rest = names.map((name, index) => `${name}: ${left[index]}`).join(", ");
  return new QueueError(
    "timeout",
    `After ${ms} ms on the clock there are messages left (${rest}). Raise maxMs, or look at what keeps them: a paused worker, an unknown type, a handler that never ends.`,
  );
}
