import { sleep } from "../lib/clock.ts";
import { inOrder } from "../message/requeue.ts";
import { ATTEMPT, DECIDED, NOT_BEFORE, TARGET, UNKNOWN_SINCE } from "../message/system-attributes.ts";
import type { ReceiverContext } from "./context.ts";
import type { DeadLettering } from "./dead-lettering.ts";
import type { Replacer } from "./replacer.ts";
import type { Run } from "./run.ts";

/** A message whose copy could not be sent is redelivered after this long. */
const COPY_FAILED_MS = 30_000;
/**
 * Upper bound for a retry delay, about 3,000 years. A due time beyond the latest JavaScript `Date` cannot be encoded, so
 * the message would be redelivered immediately.
 */
const LONGEST_MS = 1e14;
/** Time for the copy of a released message. A drain waits for it, and the process may be killed soon after. */
const RELEASE_DEADLINE_MS = 2_000;

/**
 * Puts a message back into its queue, to be delivered once more: in place if the provider can do so or the message must
 * keep its place, and by a copy otherwise. The copy is accepted before the original is acknowledged: a crash in between
 * leaves two copies, and a failure leaves the original.
 */
export class Redelivery {
  readonly #context: ReceiverContext;
  readonly #replacer: Replacer;
  readonly #deadLettering: DeadLettering;
  readonly #acknowledge: (run: Run) => Promise<unknown>;

  /** @param acknowledge acknowledges a message whose copy was accepted */
  constructor(
    context: ReceiverContext,
    replacer: Replacer,
    deadLettering: DeadLettering,
    acknowledge: (run: Run) => Promise<unknown>,
  ) {
    this.#context = context;
    this.#replacer = replacer;
    this.#deadLettering = deadLettering;
    this.#acknowledge = acknowledge;
  }

  /** Redelivers the message after `askedMs`, as the next attempt: in place if the provider can, else by a copy. */
  async retry(run: Run, askedMs: number): Promise<void> {
    const { traits, attempts } = this.#context;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    if (delayMs <= this.#maxReleaseDelayMs || inOrder(run.delivery, traits)) {
      attempts.failed(run);
      return this.releaseAfter(run, delayMs);
    }
    const accepted = await this.#replacer.requeue(run, "retry", delayMs, {
      // The message has run, so it was neither early nor of an unknown type in the end.
      [NOT_BEFORE]: undefined,
      [UNKNOWN_SINCE]: undefined,
      [ATTEMPT]: run.attempt,
      [TARGET]: traits.target,
    });
    // Without a copy, the provider's longest delay comes nearest to the one that was asked for.
    return this.#replaced(run, accepted, this.#maxReleaseDelayMs);
  }

  get #maxReleaseDelayMs(): number {
    const { traits, connection } = this.#context;
    return traits.maxReleaseDelayMs ?? connection.limits.maxReleaseDelayMs;
  }

  /** Redelivers the message after `delayMs` as if this delivery had not happened. */
  async defer(run: Run, delayMs: number, unknownSince: number | undefined = run.unknownSince): Promise<void> {
    const { traits } = this.#context;
    if (inOrder(run.delivery, traits)) return this.retry(run, delayMs);
    const accepted = await this.#replacer.requeue(run, "defer", delayMs, {
      [TARGET]: traits.target,
      [ATTEMPT]: run.attempt - 1 || undefined,
      [UNKNOWN_SINCE]: unknownSince,
    });
    return this.#replaced(run, accepted);
  }

  /** Redelivers the message after `askedMs`, without counting an attempt: in place if it must keep its place, else by a copy. */
  release(run: Run, askedMs: number): Promise<void> {
    const { traits, attempts } = this.#context;
    const delayMs = Math.min(Math.ceil(askedMs), LONGEST_MS);
    if (!(delayMs > 0)) return this.releaseNow(run);
    if (!inOrder(run.delivery, traits)) return this.defer(run, delayMs);
    if (attempts.isWorn(run)) return this.#replace(run, delayMs);
    attempts.released(run);
    return this.releaseAfter(run, delayMs);
  }

  /**
   * Releases at once, without counting an attempt. The provider counts the delivery, also if nothing failed in it, and
   * tells no other process so. A fresh copy, whose recorded attempts leave the delivery out, therefore replaces the
   * message. A message that must keep its place is released in place: see {@link Attempts}.
   */
  async releaseNow(run: Run): Promise<void> {
    const { traits, attempts } = this.#context;
    const keepsPlace = inOrder(run.delivery, traits);
    if (!traits.countsDeliveries || (keepsPlace && !attempts.isWorn(run))) return this.releaseInPlace(run);
    return this.#replace(run, 0);
  }

  /** Puts a fresh copy, due after `delayMs`, in the place of the message. Without a copy, the message is released in place. */
  async #replace(run: Run, delayMs: number): Promise<void> {
    const { traits, attempts, reporter } = this.#context;
    const changes = {
      [TARGET]: traits.target,
      [ATTEMPT]: attempts.failedBefore(run) || undefined,
      [UNKNOWN_SINCE]: run.unknownSince,
      // The copy has another id than the one by which this receiver remembers a decision.
      [DECIDED]: this.#deadLettering.recordOf(run),
    };
    const accepted = await this.#replacer.requeue(run, "defer", delayMs, changes, RELEASE_DEADLINE_MS);
    if (!accepted) {
      attempts.released(run);
      return delayMs > 0 ? this.releaseAfter(run, delayMs) : this.#letGo(run, 0);
    }
    if (inOrder(run.delivery, traits)) {
      reporter.warn(
        "order_lost",
        `Message ${run.id} was released ${run.delivery.deliveryCount} times without a failure. Its next delivery would have looked like a crash loop, so it was sent again, behind the other messages of its ordering key.`,
      );
    }
    await this.#acknowledge(run);
  }

  /** Releases at once and in place. A provider that counts deliveries counts this one, too. */
  releaseInPlace(run: Run): Promise<void> {
    this.#context.attempts.released(run);
    return this.#letGo(run, 0);
  }

  /**
   * Releases in place. The part of the delay that the provider cannot hold is waited for here, with the lease kept and the
   * key blocked. If too many messages wait so, it is left out.
   */
  async releaseAfter(run: Run, delayMs: number): Promise<void> {
    const { connection, capacity } = this.#context;
    const maxReleaseDelayMs = this.#maxReleaseDelayMs;
    if (delayMs <= maxReleaseDelayMs) return this.#letGo(run, delayMs);
    if (!capacity.canHold) return this.#letGo(run, maxReleaseDelayMs);
    run.place?.held();
    capacity.hold();
    await sleep(connection.clock, delayMs - maxReleaseDelayMs, capacity.draining);
    capacity.unhold();
    return this.#letGo(run, capacity.draining.aborted ? 0 : maxReleaseDelayMs);
  }

  /** The replacement was accepted, so the original is acknowledged; or it was not, and the original is redelivered later. */
  async #replaced(run: Run, accepted: boolean, leastMs: number = 0): Promise<void> {
    if (accepted) await this.#acknowledge(run);
    else await this.releaseAfter(run, Math.max(COPY_FAILED_MS, leastMs));
  }

  async #letGo(run: Run, delayMs: number): Promise<void> {
    const { settler, leases } = this.#context;
    // An extension that overtakes the release would hide the message for a lease instead of the delay. So no further
    // extension is made, and the one under way is waited for.
    leases.remove(run);
    await run.extending;
    // Called before the release is confirmed, since the message may be back before that.
    run.left(false);
    await settler.settle({ kind: "release", delivery: run.delivery, delayMs }, run);
  }
}
