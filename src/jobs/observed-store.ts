import { channels, type StoreEvent } from "../diagnostics.ts";
import { isQueueError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import type { JobAnswer, JobChange } from "./store/change.ts";
import type { JobStore } from "./store/job-store.ts";
import { wrappedStore } from "./store/wrapped-store.ts";

const NOTHING = { claims: [], cancelled: { waiting: 0, running: 0 } } as const;

/**
 * A store whose requests are published on the channel `queueport:store`. Without a subscriber, a request costs one check
 * more.
 *
 * @param source the `Queue` of the jobs, by which subscribers tell several of one process apart
 */
export function observedStore(store: JobStore, source: object, clock: Clock): JobStore {
  return wrappedStore(store, (operation, request, given) =>
    channels.store.hasSubscribers && operation !== "close"
      ? published({ store: store.name, source, operation }, clock, given, request)
      : request(),
  );
}

async function published(
  facts: Pick<StoreEvent, "store" | "source" | "operation">,
  clock: Clock,
  [, changes]: readonly unknown[],
  request: () => Promise<unknown>,
): Promise<unknown> {
  const startedAt = clock.monotonic();
  const publish = (outcome: StoreEvent["outcome"], effects: Pick<StoreEvent, "claims" | "cancelled">): void =>
    channels.store.publish({ ...facts, outcome, ms: clock.monotonic() - startedAt, ...effects });
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

function effectsOf(
  changes: readonly JobChange[],
  answers: readonly JobAnswer[],
): Pick<StoreEvent, "claims" | "cancelled"> {
  const claims: string[] = [];
  let [waiting, running] = [0, 0];
  for (const [index, change] of changes.entries()) {
    const answer = answers[index];
    if (answer === undefined || answer.do === "again") continue;
    if (change.kind === "claim") claims.push(answer.do);
    else if (change.kind === "cancel") {
      if (answer.do === "noted" && answer.ok && answer.row?.status === "cancelled") waiting += 1;
    } else if (change.kind === "end" && change.outcome === "cancelled") {
      if (answer.do === "ended" && answer.verdict === "recorded") running += 1;
    }
  }
  return { claims, cancelled: { waiting, running } };
}
