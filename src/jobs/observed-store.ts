import { channels, type StoreEvent } from "../diagnostics.ts";
import { isQueueError } from "../errors.ts";
import { inThisContext } from "../lib/async-context.ts";
import type { Clock } from "../lib/clock.ts";
import { atEndOfTick } from "../lib/end-of-tick.ts";
import type { JobAnswer, JobChange } from "./store/change.ts";
import type { JobStore } from "./store/job-store.ts";
import { type AroundCall, wrappedStore } from "./store/wrapped-store.ts";

const NOTHING = { claims: [], cancelled: { waiting: 0, running: 0 } } as const;

/**
 * A store whose requests are published on the channel `queueport:store`. Without a subscriber, a request costs one check
 * more.
 *
 * @param source the `Queue` of the jobs, by which subscribers tell several of one process apart
 */
export function observedStore(store: JobStore, source: object, clock: Clock): JobStore {
  const around: AroundCall = (operation, request, given) =>
    channels.store.hasSubscribers && operation !== "close"
      ? published({ store: store.name, source, operation }, clock, given, request)
      : request();
  if (store.applyNow === undefined) return wrappedStore(store, around);
  const applied = new AppliedNow(store.name, source);
  const applyNow: JobStore["applyNow"] = (namespace, change) => {
    if (!channels.store.hasSubscribers) return store.applyNow?.(namespace, change);
    const startedAt = clock.monotonic();
    const answer = store.applyNow?.(namespace, change);
    if (answer !== undefined) applied.add(change, answer, clock.monotonic() - startedAt);
    return answer;
  };
  return wrappedStore(store, around, { applyNow });
}

/** Publishes the changes that were applied at once within one tick as one request. */
class AppliedNow {
  readonly #facts: Pick<StoreEvent, "store" | "source" | "operation">;
  readonly #publishLater = inThisContext(() => this.#publish());
  #effects = new Effects();
  /** Undefined if there is nothing to publish. */
  #ms: number | undefined;

  constructor(store: string, source: object) {
    this.#facts = { store, source, operation: "apply" };
  }

  add(change: JobChange, answer: JobAnswer, ms: number): void {
    if (this.#ms === undefined) atEndOfTick(this.#publishLater);
    this.#ms = (this.#ms ?? 0) + ms;
    this.#effects.add(change, answer);
  }

  #publish(): void {
    const { claims, cancelled } = this.#effects;
    const ms = this.#ms ?? 0;
    this.#effects = new Effects();
    this.#ms = undefined;
    channels.store.publish({ ...this.#facts, outcome: "ok", ms, claims, cancelled });
  }
}

async function published(
  facts: Pick<StoreEvent, "store" | "source" | "operation">,
  clock: Clock,
  [, changes]: readonly unknown[],
  request: () => Promise<unknown>,
): Promise<unknown> {
  const startedAt = clock.monotonic();
  const publish = (outcome: StoreEvent["outcome"], effects: Pick<StoreEvent, "claims" | "cancelled">): void =>
    channels.store.publish({
      ...facts,
      outcome,
      ms: clock.monotonic() - startedAt,
      claims: effects.claims,
      cancelled: effects.cancelled,
    });
  try {
    const answer = await request();
    const isApply = facts.operation === "apply";
    publish(
      "ok",
      isApply ? effectsOf(changes as readonly JobChange[], answer as readonly JobAnswer[]) : NOTHING,
    );
    return answer;
  } catch (error) {
    publish(isQueueError(error, "store_unavailable") ? "unavailable" : "failed", NOTHING);
    throw error;
  }
}

function effectsOf(changes: readonly JobChange[], answers: readonly JobAnswer[]): Effects {
  const effects = new Effects();
  for (const [index, change] of changes.entries()) {
    const answer = answers[index];
    if (answer !== undefined) effects.add(change, answer);
  }
  return effects;
}

/** The claims and the cancellations in a request. */
class Effects {
  readonly claims: string[] = [];
  readonly cancelled: { waiting: number; running: number } = { waiting: 0, running: 0 };

  add(change: JobChange, answer: JobAnswer): void {
    if (answer.do === "again") return;
    if (change.kind === "claim") this.claims.push(answer.do);
    else if (change.kind === "cancel") {
      if (answer.do === "noted" && answer.ok && answer.row?.status === "cancelled")
        this.cancelled.waiting += 1;
    } else if (change.kind === "end" && change.outcome === "cancelled") {
      if (answer.do === "ended" && answer.verdict === "recorded") this.cancelled.running += 1;
    }
  }
}
