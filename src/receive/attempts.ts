import { forgetOldest } from "../lib/bounded-map.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { inOrder } from "../message/requeue.ts";
import { crashLoopAt } from "../queue/crash-loop.ts";
import type { Run } from "./run.ts";

/** Messages that are remembered; beyond that, the oldest are forgotten. */
const MOST = 5_000;

/** A message is replaced this many deliveries before the broker would dead-letter it without a reason. */
const BEFORE_BROKER = 2;

/** The deliveries of one copy that were no attempts, or may have been none. */
interface Known {
  /** Deliveries that this receiver released: before a run, or after a run that did not fail. */
  released: number;
  /** Deliveries before the first one to this receiver, if another process may have released them in its drain. */
  doubtful: number;
}

/**
 * Knows which deliveries of a message were failed runs. The provider counts every delivery, and keeps no reason: also
 * one that a drain released, or that was released behind a failed head of its key. A message without order goes back as
 * a copy, whose `qp_attempt` leaves that delivery out. A message that must keep its place is released in place, so this
 * receiver remembers the release. Releases by other processes are not known here.
 */
export class Attempts {
  readonly #traits: QueueTraits;
  /** When the receiver was opened, in epoch milliseconds. */
  readonly #openedAt: number;
  /** By the broker's id of the copy, the longest unchanged first. */
  readonly #known = new Map<string, Known>();

  constructor(traits: QueueTraits, openedAt: number) {
    this.#traits = traits;
    this.#openedAt = openedAt;
  }

  /** Deliveries of one copy that this receiver released, and that are no attempts. */
  releasesOf(brokerId: string): number {
    return this.#known.size === 0 ? 0 : (this.#known.get(brokerId)?.released ?? 0);
  }

  /** Remembers that this delivery is released in place, and is no attempt. */
  released(run: Run): void {
    this.#remember(run, 1);
  }

  /** Remembers a failed run of a message that keeps its place, so that deliveries before and after it can be distinguished. */
  failed(run: Run): void {
    if (this.#isInOrder(run)) this.#remember(run, 0);
  }

  /**
   * Returns the number of failed runs before this one. On a queue that keeps order, a message may have been released in
   * place by processes that ended before this receiver was opened. Their deliveries are not counted.
   */
  failedBefore(run: Run): number {
    const before = run.attempt - 1;
    if (run.isCounted) return before;
    if (before === 0 || !this.#traits.countsDeliveries || !this.#isInOrder(run)) return before;
    return Math.max(0, before - this.#doubtful(run));
  }

  /**
   * Returns the number of failed runs before this one that count towards `maxAttempts`. Doubt about earlier deliveries
   * grants further runs only as long as the crash-loop guard allows them.
   */
  spentBefore(run: Run): number {
    return run.isCounted || this.isWorn(run) ? run.attempt - 1 : this.failedBefore(run);
  }

  /** Whether the message was delivered so often without a result that it probably kills its process. */
  isCrashLoop(run: Run): boolean {
    return this.#traits.countsDeliveries && this.#counted(run) >= this.#guard(run);
  }

  /**
   * Whether the next delivery to another process would look like a crash loop. If a tracker counts the attempts, only the
   * broker's own limit of deliveries matters.
   */
  isWorn(run: Run): boolean {
    if (run.isCounted) {
      const { brokerMaxDeliveries = Number.POSITIVE_INFINITY } = this.#traits;
      return run.delivery.deliveryCount + BEFORE_BROKER >= brokerMaxDeliveries;
    }
    return run.delivery.deliveryCount + 1 >= this.#guard(run);
  }

  #counted({ delivery, released }: Run): number {
    return delivery.deliveryCount - released;
  }

  #guard(run: Run): number {
    return crashLoopAt(run.message.maxAttempts, this.#isInOrder(run));
  }

  #isInOrder({ delivery }: Run): boolean {
    return inOrder(delivery, this.#traits);
  }

  #doubtful({ delivery, message }: Run): number {
    const since = delivery.enqueuedAt ?? message.createdAt.getTime();
    if (since > this.#openedAt) return 0;
    return this.#known.get(delivery.brokerId)?.doubtful ?? delivery.deliveryCount - 1;
  }

  #remember(run: Run, releases: number): void {
    const { brokerId } = run.delivery;
    const known = this.#known.get(brokerId) ?? { released: 0, doubtful: this.#doubtful(run) };
    known.released += releases;
    this.#known.delete(brokerId);
    this.#known.set(brokerId, known);
    forgetOldest(this.#known, MOST);
  }
}
