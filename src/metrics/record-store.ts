import type { StoreEvent } from "../diagnostics.ts";
import type { Cell } from "./family.ts";
import type { Families } from "./families.ts";
import type { Distribution } from "./histogram.ts";

/** Counts the requests to job stores, and the claims and cancellations in them. */
export function recordStore(families: Families): (event: StoreEvent) => void {
  const durations = new Map<string, Distribution>();
  const claimed = new Map<string, Cell>();
  let waiting: Cell | undefined;
  let running: Cell | undefined;
  return ({ operation, outcome, ms, claims, cancelled }) => {
    families.storeRequests.cell({ operation, outcome }).value += 1;
    let duration = durations.get(operation);
    if (duration === undefined) {
      duration = families.storeDuration.distribution({ operation });
      durations.set(operation, duration);
    }
    duration.observe(ms);
    for (const claim of claims) {
      let cell = claimed.get(claim);
      if (cell === undefined) {
        cell = families.claims.cell({ outcome: claim });
        claimed.set(claim, cell);
      }
      cell.value += 1;
    }
    // Created at 0 by the first request, so that Prometheus sees the first cancellation as an increase.
    waiting ??= families.cancelled.cell({ when: "waiting" });
    running ??= families.cancelled.cell({ when: "running" });
    waiting.value += cancelled.waiting;
    running.value += cancelled.running;
  };
}
