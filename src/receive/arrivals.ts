import { inOrder } from "../message/requeue.ts";
import type { Clock } from "../lib/clock.ts";
import type { Delivery } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { decode, type Decoded } from "../message/envelope.ts";
import type { Admission } from "./admission.ts";
import type { Conclusions } from "./conclusions.ts";
import type { ReleaseCounts } from "./hand-backs.ts";
import type { KeyQueues } from "./key-queues.ts";
import type { LeaseKeeper } from "../transport/lease-keeper.ts";
import type { Reporter } from "./reporter.ts";
import { Run, type RunHost } from "./run.ts";
import { unreadable } from "./unreadable.ts";

export interface ArrivalsOptions {
  readonly host: RunHost;
  readonly clock: Clock;
  readonly traits: QueueTraits;
  readonly handBacks: ReleaseCounts;
  readonly leases: LeaseKeeper;
  readonly lanes: KeyQueues;
  readonly admission: Admission;
  readonly conclusions: Conclusions;
  readonly reporter: Reporter;
  /** Whether what arrives is given back at once. */
  readonly isRefusing: () => boolean;
}

/** Makes runs of what a poll brings: each is decoded, its lease looked after, and put in its place. */
export class Arrivals {
  readonly #options: ArrivalsOptions;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  deliver(deliveries: readonly Delivery[]): void {
    const now = this.#options.clock.now();
    // All are read before the first is handled, as the processor does best what it has just done.
    const decoded = deliveries.map((delivery) => decode(delivery, now));
    for (const [index, delivery] of deliveries.entries())
      this.#arrived(delivery, decoded[index] as Decoded, now);
  }

  #arrived(delivery: Delivery, decoded: Decoded, now: number): void {
    const { host, handBacks, leases, admission, conclusions, reporter } = this.#options;
    const message = decoded.ok ? decoded.message : unreadable(delivery, now);
    const meta = decoded.ok ? decoded.meta : { attempt: 0, redrive: 0 };
    const run = new Run(host, delivery, message, meta, now, handBacks.of(delivery.brokerId));
    if (delivery.leaseUntil <= now) {
      // It took so long to come that it may be somebody else's: to run it would be to run it twice.
      reporter.report({ event: "lease_lost", queue: host.queue, id: run.id });
      return;
    }
    leases.add(run);
    try {
      if (decoded.ok) this.#enter(run, now);
      else admission.refuse(run, "malformed", decoded.problem);
    } catch (error) {
      // A callback of the user's threw: that message is left to come again, the others are not to suffer.
      conclusions.track(Promise.reject(error), run);
    }
  }

  /** Where its queue keeps order, a message waits for the one of its key that is in hand. */
  #enter(run: Run, now: number): void {
    const { traits, lanes, admission, isRefusing } = this.#options;
    const ordered = !isRefusing() && inOrder(run.delivery, run.id, traits);
    if (ordered) lanes.enter(run.delivery.orderingKey ?? "", run);
    else admission.admit(run, now);
  }
}
