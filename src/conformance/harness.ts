import type { Clock } from "../lib/clock.ts";
import type { DelayStore } from "../delay/store.ts";
import type { Driver } from "../driver/contract.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";

/** A clock that only the suite moves. `FakeClock` of `queueport/testing` is one. */
export interface VirtualClock extends Clock {
  /** Time of the next timer, in epoch milliseconds; undefined if there is none. */
  readonly nextTimerAt: number | undefined;
  /** Moves the clock on. Timers fire on the way, each at its time. */
  advance(ms: number): Promise<void>;
  /** Lets work that needs no time run until it is quiet. */
  settle(): Promise<void>;
}

/** Properties of a queue that a case asks for. They are valid options of `queue.ensure`. */
export interface QueueNeeds {
  /** @default "none" */
  readonly ordering?: "none" | "by_key" | undefined;
  /** Lease in milliseconds, for a provider on which the queue sets it and not the receiver. */
  readonly leaseMs: number;
  /** Largest `maxAttempts` that is used on the queue. */
  readonly maxAttempts: number;
}

/** Times that the cases are built from, in milliseconds. Shorter times make a faster run; too short ones raise false alarms. */
export interface Timing {
  /** Lease that cases ask for. @default 30000 on a virtual clock, else 2000 */
  readonly leaseMs: number;
  /** Unit of delays and backoffs, which are small multiples of it. @default 10000 on a virtual clock, else 1000 */
  readonly unitMs: number;
  /** Longest time after it is due at which a thing may happen, in addition to the provider's own granularity. @default 2000 on a virtual clock, else 1500 */
  readonly lateMs: number;
  /** Longest time before it is due, since the server may have another clock. @default 0 on a virtual clock, else 50 */
  readonly earlyMs: number;
  /** Longest wait for a thing that has no due time. @default 120000 on a virtual clock, else 45000 */
  readonly patienceMs: number;
  /** Longest duration of a case, always in real time. A longer case has failed. @default 60000 on a virtual clock, else 300000 */
  readonly caseMs: number;
}

/**
 * Faults that the harness can cause at the server or on the way to it. A case that needs a missing one is skipped.
 * `startCutter` causes those of a connection.
 */
export interface HarnessFaults {
  /** Cuts every connection that clients have now, and ends `muteAnswers`. New connections succeed. */
  cutConnections?(): Promise<void>;
  /** From now on, requests of clients arrive and their answers are lost, until `cutConnections` is called. Needs it. */
  muteAnswers?(): Promise<void>;
  /** Restarts a server that keeps its messages. Resolves when the server can be reached again. */
  restart?(): Promise<void>;
  /** Makes one message of the next batch to this queue fail, and the others succeed. Returns a counter of such failures. */
  failSendEntry?(queue: string): Promise<() => number>;
  /** Makes one settlement of the next batch of this queue fail, and the others succeed. Returns a counter of such failures. */
  failSettleEntry?(queue: string): Promise<() => number>;
}

/**
 * Access to one adapter and its backend. It is everything that the suite knows of them.
 *
 * @example
 * const admin = createQueue(directory({ path }));
 * export const harness: Harness = {
 *   name: "directory",
 *   ordered: false,
 *   open: async () => directory({ path }),
 *   async makeQueue(needs) {
 *     const queue = `queue-${randomUUID()}`;
 *     await admin.ensure(queue, needs);
 *     return queue;
 *   },
 *   dropQueue: (queue) => admin.drop(queue),
 *   close: () => admin.close(),
 * };
 */
export interface Harness {
  /** Name of the adapter, as it stands in tables. */
  readonly name: string;
  /** Server that the adapter runs against, with its version. */
  readonly server?: string | undefined;
  /** Whether the provider can keep messages of one key in order. @default true */
  readonly ordered?: boolean | undefined;
  /**
   * Whether each request succeeds or fails as a whole, so that no message of a batch can fail alone at the server. The
   * cases of such failures are then skipped for that reason. @default false
   */
  readonly atomicRequests?: boolean | undefined;
  /** Opens another client on the same backend. Cases open several clients, which act as several processes. */
  open(): Promise<Driver>;
  /** Creates an empty queue with its dead-letter queue and its delay queue, and returns its name. */
  makeQueue(needs: QueueNeeds): Promise<string>;
  /** Removes a queue, its dead-letter queue and its delay queue. May reject if the queue does not exist. */
  dropQueue(queue: string): Promise<void>;
  /** Returns the name of a queue that does not exist, another name on each call. @default `qp-missing-` and a UUID */
  missingQueue?(): string;
  /** Begins a transaction on the database of the provider, as an application does. Needed if `limits.transactional`. */
  beginTransaction?(): Promise<TestTransaction>;
  /** Releases what the harness holds, such as its server. The suite calls it once, after the last case. */
  close?(): Promise<void>;
  /**
   * Opens the delay store that the clients share. The suite calls it once for each client. Delayed messages then wait in
   * the store, and the cases of long delays test the store.
   */
  readonly openDelayStore?: (() => DelayStore) | undefined;
  /** Clock of the backend and its clients, if it can be moved. Without it, cases wait in real time. */
  readonly clock?: VirtualClock | undefined;
  readonly timing?: Partial<Timing> | undefined;
  readonly faults?: HarnessFaults | undefined;
  /** Cases that a local server cannot pass, since it differs from the service: the name of each case, and the difference. */
  readonly deviations?: Readonly<Record<string, string>> | undefined;
}

/** A transaction of an application. It must end by one of its methods. */
export interface TestTransaction {
  /** The object that the application passes to `queue.send`. */
  readonly handle: object;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** Capabilities that an adapter declares. Cases are chosen by them. */
export interface Declared {
  readonly limits: Limits;
  /** Traits of a queue without order. */
  readonly traits: QueueTraits;
  /** Traits of a queue that keeps order by key; undefined if the provider keeps none. */
  readonly orderedTraits: QueueTraits | undefined;
}

const VIRTUAL: Timing = {
  leaseMs: 30_000,
  unitMs: 10_000,
  lateMs: 2_000,
  earlyMs: 0,
  patienceMs: 120_000,
  caseMs: 60_000,
};
const REAL: Timing = {
  leaseMs: 2_000,
  unitMs: 1_000,
  lateMs: 1_500,
  earlyMs: 50,
  patienceMs: 45_000,
  caseMs: 300_000,
};

/** Completes the timing of a harness with the defaults. */
export function timingOf(harness: Harness): Timing {
  return { ...(harness.clock === undefined ? REAL : VIRTUAL), ...harness.timing };
}

/** Asks an adapter for its capabilities, with a queue without order and one with order. */
export async function declare(harness: Harness): Promise<Declared> {
  const driver = await harness.open();
  const { leaseMs } = timingOf(harness);
  const traitsOf = async (ordering: "none" | "by_key"): Promise<QueueTraits> => {
    const queue = await harness.makeQueue({ ordering, leaseMs, maxAttempts: 5 });
    try {
      return await driver.describe(queue);
    } finally {
      await harness.dropQueue(queue);
    }
  };
  try {
    return {
      limits: driver.limits,
      traits: await traitsOf("none"),
      orderedTraits: harness.ordered === false ? undefined : await traitsOf("by_key"),
    };
  } finally {
    await driver.close();
  }
}
