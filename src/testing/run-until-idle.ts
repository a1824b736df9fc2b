import { QueueError } from "../errors.ts";
import type { QueueStats } from "../queue/queue.ts";
import type { FakeClock } from "./fake-clock.ts";
import { type Duration, optionalMs } from "../lib/duration.ts";
import { type AnyWorker, realTime, RealWork } from "./real-work.ts";

/** The options of {@link runUntilIdle}. */
export interface RunUntilIdleOptions {
  /** The clock of the worker's queue. It is advanced as far as necessary. */
  readonly clock: FakeClock;
  /** Time on the clock after which the call gives up. @default 31536000000, a year */
  readonly maxMs?: Duration | undefined;
  /**
   * Real time to wait for a handler that does real input and output, such as a socket or a file, before the
   * clock is advanced.
   * @default 2000
   */
  readonly realMs?: Duration | undefined;
}

const YEAR_MS = 31_536_000_000;
/** Timers that fire before the messages are counted again while all are delayed: a delayed message may also expire. */
const TIMERS_BETWEEN_COUNTS = 1_000;
/**
 * Waits in real time while no timer is pending and no handler runs. Only input and output of the driver can change
 * that.
 */
const MAX_SILENT = 500;
/** Milliseconds on the clock for stuck handlers to end, if nothing else is left. */
const STUCK_MS = 3_600_000;

/**
 * Runs a worker until its queues are empty: no message is ready, leased or delayed, and no recorded job of them is still to
 * be sent. The clock is advanced from timer to timer, so backoffs and delays of days take no real time. Then the worker is
 * stopped.
 *
 * @throws QueueError `invalid_options` when the queue uses another clock
 * @throws QueueError `timeout` when messages are left after `maxMs`
 * @throws QueueError `not_supported` when the queue does not count its messages
 * @throws QueueError as `run` of the worker
 *
 * @example
 * const clock = new FakeClock();
 * const queue = createQueue(memory({ clock }));
 * await queue.sendDelayed("emails", { type: "tips", payload: {} }, { days: 3 });
 * await runUntilIdle(worker, "emails", { clock });
 */
export async function runUntilIdle(
  worker: AnyWorker,
  queues: string | readonly string[],
  options: RunUntilIdleOptions,
): Promise<void> {
  const { clock } = options;
  const maxMs = optionalMs(options.maxMs) ?? YEAR_MS;
  const realMs = optionalMs(options.realMs) ?? 2_000;
  if (!(maxMs >= 0 && realMs >= 0)) {
    throw new QueueError(
      "invalid_options",
      "runUntilIdle takes durations of 0 or more milliseconds as maxMs and realMs.",
    );
  }
  if (worker.queue.clock !== clock) {
    throw new QueueError(
      "invalid_options",
      "runUntilIdle was given a clock that this worker's queue does not use. Use one clock for both: createQueue(memory({ clock })).",
    );
  }
  const names = typeof queues === "string" ? [queues] : queues;
  const started = clock.monotonic();
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
      const isAnyUnsent = await hasUnsentJobs(worker, names, clock, realMs);
      const { running, stuck } = worker.health();
      if (left.some((count) => count > 0) || isAnyUnsent || running > stuck.length)
        busyAt = clock.monotonic();
      // The error of the drain then names the handlers that did not end.
      else if (running === 0 || clock.monotonic() - busyAt >= STUCK_MS) break;
      if (clock.monotonic() >= until || silent > MAX_SILENT)
        throw stillBusy(names, left, isAnyUnsent, clock.monotonic() - started);
      // A handler that does real input and output needs real time. Any other handler needs the clock to advance.
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
 * Advances the clock until a message is received, or no timer is left. Resolves false if there was no timer. Counting
 * the messages after each timer instead would take most of the time of a test.
 */
async function sleepThrough(worker: AnyWorker, clock: FakeClock, until: number): Promise<boolean> {
  let isAsleep = true;
  const onPolled = ({ messages }: { readonly messages: number }): void => {
    if (messages > 0) isAsleep = false;
  };
  worker.on("polled", onPolled);
  let timers = 0;
  while (
    isAsleep &&
    timers < TIMERS_BETWEEN_COUNTS &&
    clock.monotonic() < until &&
    (await clock.advanceToNext())
  )
    timers += 1;
  worker.off("polled", onPolled);
  return timers > 0;
}

/**
 * Whether a recorded job is still to be sent to one of the queues: it is delayed, or its message could not be sent so far. A
 * store that cannot be asked has none: its worker goes on without it.
 */
async function hasUnsentJobs(
  worker: AnyWorker,
  queues: readonly string[],
  clock: FakeClock,
  realMs: number,
): Promise<boolean> {
  if (worker.nextDueAt === undefined) return false;
  let dueAt: number | undefined;
  let isAnswered = false;
  worker.nextDueAt(queues).then(
    (at) => {
      dueAt = at;
      isAnswered = true;
    },
    () => (isAnswered = true),
  );
  const begunAt = performance.now();
  await clock.settle();
  while (!isAnswered && performance.now() - begunAt < realMs) await realTime();
  return dueAt !== undefined;
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
    'This queue does not report how many messages it holds, so it is not known when it is idle. Test with a queue that counts, such as memory({ emulate: "pubsub", stats: "exact" }).',
  );
}

function stillBusy(
  names: readonly string[],
  left: readonly number[],
  isAnyUnsent: boolean,
  ms: number,
): QueueError {
  const rest = names.map((name, index) => `${name}: ${left[index]}`).join(", ");
  const unsent = isAnyUnsent ? ", and recorded jobs that are not sent to their queue yet" : "";
  return new QueueError(
    "timeout",
    `After ${ms} ms on the clock there are messages left (${rest})${unsent}. Raise maxMs, or look at what keeps them: a paused worker, an unknown type, a handler that never ends.`,
  );
}
