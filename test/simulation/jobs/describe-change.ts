import type { JobLedger } from "./job-ledger.ts";
import type { AppliedChange } from "./watched-store.ts";

/** One line about a change, for a trace. */
export function describeChange(ledger: JobLedger, { change, before, after, answer }: AppliedChange): string {
  const { kind, id } = change;
  const states = `${before?.status ?? "none"} → ${after?.row.status ?? "none"}`;
  const word =
    answer.do === "ended" ? answer.verdict : answer.do === "later" ? `later (${answer.why})` : answer.do;
  const outcome = kind === "end" ? ` ${change.outcome}` : "";
  return `${kind}${outcome} ${ledger.nameOf(id)}: ${states}, ${word}, generation ${after?.row.generation}`;
}
