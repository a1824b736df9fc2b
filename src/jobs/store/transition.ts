import { birth, dispatched, insert, promote, reopen, undispatched } from "./birth-rules.ts";
import { cancel } from "./cancel-rules.ts";
import type { JobChange } from "./change.ts";
import { claim } from "./claim-rules.ts";
import type { Transition } from "./effect.ts";
import { assume, buried, end, touch } from "./run-rules.ts";
import type { JobRow } from "./job-row.ts";

/**
 * The effect of a change on a job. Pure and total: every change of every state has an answer, and a change that comes twice
 * changes nothing the second time. Every store is proven to do the same.
 *
 * @param now epoch milliseconds of the store's clock
 */
export function transition(row: JobRow | undefined, change: JobChange, now: number): Transition {
  switch (change.kind) {
    case "insert":
      return insert(row, change, now);
    case "birth":
      return birth(row, change, now);
    case "claim":
      return claim(row, change, now);
    case "touch":
      return touch(row, change, now);
    case "end":
      return end(row, change, now);
    case "buried":
      return buried(row, change, now);
    case "dispatched":
      return dispatched(row, change, now);
    case "undispatched":
      return undispatched(row, change, now);
    case "cancel":
      return cancel(row, change, now);
    case "reopen":
      return reopen(row, change, now);
    case "promote":
      return promote(row, change, now);
    default:
      return assume(row, change, now);
  }
}
