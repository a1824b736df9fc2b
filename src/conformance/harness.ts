import type { DelayStore } from "../delay/store.ts";
import type { Driver } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import type { Clock } from "../lib/clock.ts";

/** A clock that only the suite moves; `FakeClock` of `queueport/testing` is one. */
export interface VirtualClock extends Clock {
  /** When the next timer is due, in epoch milliseconds; undefined where none is. */
  readonly nextTimerAt: number | undefined;
  /** Moves on; timers fire on the way, each at its moment. */
  advance(ms: number): Promise<void>;
  /** Lets work that needs no time run until it is quiet. */
  settle(): Promise<void>;
}

/** What a queue has to be like. */
export interface QueueNeeds {
  /** @default "none" */
  readonly ordering?: "none" | "by_key" | undefined;
  /** The lease, in milliseconds, where it is set on the queue and not by its receiver. */
  readonly leaseMs: number;
  /** The largest `maxAttempts` that will be used on it. */
  readonly maxAttempts: number;
}

/** Times in which the cases reckon, in milliseconds. What is shorter makes a quicker run; what is too short, a false alarm. */
export interface Timing {
  /** The lease that cases ask for. @default 30000 on a virtual clock, else 2000 */
  readonly leaseMs: number;
  /** Delays and backoffs are small multiples of this. @default 10000 on a virtual clock, else 1000 */
  readonly unitMs: number;
  /** How much later than due a thing may happen, beside the provider's own granularity. @default 2000 on a virtual clock, else 1500 */
  readonly lateMs: number;
  /** How much earlier, where the server's clock is another. @default 0 on a virtual clock, else 50 */
  readonly earlyMs: number;
  /** How long is waited for what has no time of its own. @default 120000 on a virtual clock, else 45000 */
  readonly patienceMs: number;
  /** A case that has not ended after this long has failed; always in real time. @default 20000 on a virtual clock, else 300000 */
  readonly caseMs: number;
}

/** What can be made to go wrong at the server or on the way to it. A case that needs what is missing here is skipped. */
export interface HarnessFaults {
  /** Cuts every connection that clients have now; new ones succeed. */
  cutConnections?(): Promise<void>;
  /** Restarts a server that keeps its messages. Resolves when it can be reached again. */
  restart?(): Promise<void>;
  /** One entry of the next batch sent to this queue fails, and the others succeed. Returns how many have failed so by now. */
  failSendEntry?(queue: string): Promise<() => number>;
  /** One settlement of the next batch of this queue fails, and the others succeed. Returns how many have failed so by now. */
  failSettleEntry?(queue: string): Promise<() => number>;
}

/**
 * What an adapter's tests supply, and all that the suite knows of its backend.
 *
 * @example
 * const harness: Harness = {
 *   name: "directory",
 *   open: async () => directory({ path }),
 *   makeQueue: async ({ leaseMs }) => createDirectoryQueue(path, leaseMs),
 *   dropQueue: (queue) => rm(join(path, queue), { recursive: true }),
 * };
 * const summary = await runConformance(harness);
 */
export interface Harness {
  /** The adapter's name, as it stands in tables. */
  readonly name: string;
  /** The server that it runs against, with its version. */
  readonly server?: string | undefined;
  /** Whether the provider can keep messages of one key in order. @default true */
  readonly ordered?: boolean | undefined;
  /** A fresh client on the same backend. Cases open several, to be several processes. */
  open(): Promise<Driver>;
  /** A fresh, empty queue with its dead-letter and parking queues, ready for use. */
  makeQueue(needs: QueueNeeds): Promise<string>;
  dropQueue(queue: string): Promise<void>;
  /** The name of a queue that does not exist. @default a name that nobody has used */
  missingQueue?(): string;
  /**
   * Opens the delay store that its clients share, each as another process would. Delayed messages then wait there, and
   * the cases of delays are those of the store.
   */
  readonly openDelayStore?: (() => DelayStore) | undefined;
  /** The clock of the backend and its clients, where it can be turned. Without one, cases wait in real time. */
  readonly clock?: VirtualClock | undefined;
  readonly timing?: Partial<Timing> | undefined;
  readonly faults?: HarnessFaults | undefined;
  /** What the server at hand does otherwise than the service that it stands for: a case's name, and how. It is skipped. */
  readonly deviations?: Readonly<Record<string, string>> | undefined;
}

/** What the adapter says of itself, by which it is judged. */
export interface Declared {
  readonly limits: Limits;
  /** Those of a queue that keeps no order. */
  readonly traits: QueueTraits;
  /** Those of a queue that keeps order by key; undefined where the provider has none. */
  readonly orderedTraits: QueueTraits | undefined;
}

const VIRTUAL: Timing = {
  leaseMs: 30_000,
  unitMs: 10_000,
  lateMs: 2_000,
  earlyMs: 0,
  patienceMs: 120_000,
  caseMs: 20_000,
};
const REAL: Timing = {
  leaseMs: 2_000,
  unitMs: 1_000,
  lateMs: 1_500,
  earlyMs: 50,
  patienceMs: 45_000,
  caseMs: 300_000,
};

export function timingOf(harness: Harness): Timing {
  return { ...(harness.clock === undefined ? REAL : VIRTUAL), ...harness.timing };
}
