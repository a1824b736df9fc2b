import type { UnitMutant } from "./unit-mutant.ts";

/** The table of transitions. */
const RULES = ["jobs/store"];
/** The published suite, against the memory store. */
const SUITE = ["jobs/conformance"];

const CLAIM = "src/jobs/store/claim-rules.ts";
const RUN = "src/jobs/store/run-rules.ts";
const BIRTH = "src/jobs/store/birth-rules.ts";
const MEMORY = "src/jobs/store/memory-namespace.ts";
const STORE = "src/jobs/store/memory-job-store.ts";
const ENTRY = "src/jobs/store/memory-entry.ts";

/** Faults of the rules of jobs, and of a job store. */
export const jobStoreMutants: readonly UnitMutant[] = [
  {
    name: "a job store gives every claim the same fence",
    file: CLAIM,
    search: "row.fence = Math.max(row.fence + 1, now * 1_024);",
    replace: "row.fence = 1;",
    tests: RULES,
  },
  {
    name: "an insert of a job sets back a job that runs",
    file: BIRTH,
    search: "changed(row, now, { tenant, hash, stamp, traceId, tags, hasMessage })",
    replace: 'changed(row, now, { status: "queued", tenant, hash, stamp, traceId, tags, hasMessage })',
    tests: RULES,
  },
  {
    name: "a claim of a job forgets that it was cancelled",
    file: CLAIM,
    search: '    case "cancelled":\n      return { row, answer: { do: "cancelled", generation } };',
    replace: "",
    tests: RULES,
  },
  {
    name: "the end of a job is accepted from a run that was taken over",
    file: RUN,
    search: "if (token !== undefined && !change.isUntracked) return overruledOrFenced(row, change);",
    replace: "if (token !== undefined && !change.isUntracked) return finish(row, change, now);",
    tests: RULES,
  },
  {
    name: "a second claim of a job gets it while the first holds it",
    file: CLAIM,
    search: "return isHeld(row, now) ? busy(row, now) : takeOver(row, change, now);",
    replace: "return takeOver(row, change, now);",
    tests: SUITE,
  },
  {
    name: "a claim of a job that is repeated gets another hold",
    file: CLAIM,
    search: "if (row.hold?.token === change.token) return heldAlready(row, row.hold, change, now);",
    replace: "",
    tests: SUITE,
  },
  {
    name: "a job with the id of another is taken for the other",
    file: "src/jobs/store/identity.ts",
    search: "row.queue === queue && row.type === type && (!isKnown || row.stamp === stamp)",
    replace: "row.queue === queue && row.type === type",
    tests: SUITE,
  },
  {
    name: "the journalled end of a job counts for another job of its id",
    file: RUN,
    search: 'if (match === "id_conflict" || match === "id_reused")',
    replace: "if (match === undefined)",
    tests: RULES,
  },
  {
    name: "a report of a job that arrives late sets its checkpoint back",
    file: RUN,
    search: "if (seq <= hold.seq) return noted(row, undefined, { cancelRequested });",
    replace: "",
    tests: SUITE,
  },
  {
    name: "an end of a job that is repeated is fenced",
    file: RUN,
    search: "if (token !== undefined && row.ended?.token === token) {",
    replace: "if (token !== undefined && row.ended?.token === token && row.version < 0) {",
    tests: SUITE,
  },
  {
    name: "a dead letter that was redriven after a retry from the record is taken for a copy",
    file: "src/jobs/store/claim-rules.ts",
    search: '(row.status === "failed" && change.redrive > row.redrives);',
    replace: '(row.status === "failed" && change.redrive > row.generation);',
    tests: RULES,
  },
  {
    name: "a released run of a job counts as an attempt",
    file: RUN,
    search: "next.runs = Math.max(0, counted - 1);",
    replace: "next.runs = attempt;",
    tests: RULES,
  },
  {
    name: "a job whose backoff is not over runs",
    file: CLAIM,
    search: 'leftMs > DUE_TOLERANCE_MS ? later(row, leftMs, "backoff") : begin(row, change, now);',
    replace: "begin(row, change, now);",
    tests: RULES,
  },
  {
    name: "a failed dispatch of a job that is reported twice gives it back twice",
    file: BIRTH,
    search:
      "if (row.dispatch.failures !== failures) return unchanged(row, { ok: row.dispatch.failures > failures });",
    replace: "",
    tests: RULES,
  },
  {
    name: "the confirmation of an old dispatch of a job counts for a retry",
    file: BIRTH,
    search: "      dispatches: row.dispatches + 1,\n      runs: 0,",
    replace: "      runs: 0,",
    tests: RULES,
  },
  {
    name: "a job is taken twice to be sent",
    file: MEMORY,
    search: "      entry.row = row;\n      return [{ row, message }];",
    replace: "      return [{ row, message }];",
    tests: SUITE,
  },
  {
    name: "a reader of jobs misses the first change of a page",
    file: MEMORY,
    search: "({ seq }) => seq > after,",
    replace: "({ seq }) => seq > after + 1,",
    tests: SUITE,
  },
  {
    name: "a reader of jobs misses a job that changes again",
    file: MEMORY,
    search:
      "    if (known !== undefined) this.#changes.remove(entry.changeAt);\n    this.#changes.append(entry);",
    replace: "    if (known === undefined) this.#changes.append(entry);",
    tests: SUITE,
  },
  {
    name: "a job store in memory forgets a job that runs again",
    file: MEMORY,
    search: "if (!isFinal(row.status)) this.#unfinish(entry);",
    replace: "if (!isFinal(row.status)) void entry;",
    tests: RULES,
  },
  {
    name: "a job store prunes jobs that the archive does not have",
    file: MEMORY,
    search: "filter(({ row }) => allowed?.has(row.id) ?? true)",
    replace: "filter(({ row }) => allowed?.has(row.id) !== undefined)",
    tests: SUITE,
  },
  {
    name: "a job store prunes jobs within an hour of their end",
    file: "src/jobs/store/written.ts",
    search: "return Math.max(MIN_KEPT_MS, ms);",
    replace: "return ms;",
    tests: SUITE,
  },
  {
    name: "a job store orders finished jobs by their first end",
    file: MEMORY,
    search: "row.finishedAt !== before?.finishedAt || entry.endAt < 0",
    replace: "entry.endAt < 0",
    tests: SUITE,
  },
  {
    name: "a page of jobs begins with the last job of the page before",
    file: MEMORY,
    search: 'return order === "oldest" ? place > 0 : place < 0;',
    replace: 'return order === "oldest" ? place >= 0 : place <= 0;',
    tests: SUITE,
  },
  {
    name: "a filter of jobs by tenant has no effect",
    file: "src/jobs/store/match.ts",
    search: "(tenant === undefined || row.tenant === tenant) &&",
    replace: "",
    tests: SUITE,
  },
  {
    name: "a total of jobs says that it is exact although it is not",
    file: MEMORY,
    search: "isTotalCapped: found.length > maxTotal,",
    replace: "isTotalCapped: false,",
    tests: SUITE,
  },
  {
    name: "a claim of a job gets no checkpoint",
    file: STORE,
    search: 'withSaved(answer, entry?.read(["saved"]) ?? {})',
    replace: "answer",
    tests: SUITE,
  },
  {
    name: "a payload of a job is shared with its sender",
    file: ENTRY,
    search: "this.#message = JSON.stringify(message);",
    replace: "this.#message = { toString: () => JSON.stringify(message) } as unknown as string;",
    tests: SUITE,
  },
  {
    name: "an end of a job that is repeated counts twice in its minute",
    file: "src/jobs/store/written.ts",
    search: "if (isKnown) return undefined;",
    replace: "",
    tests: SUITE,
  },
  {
    name: "a cancellation of a job is not reported to listeners",
    file: "src/jobs/store/written.ts",
    search: 'hints.push("cancel")',
    replace: "hints.slice()",
    tests: SUITE,
  },
  {
    name: "a namespace of a job store is open to other queues",
    file: STORE,
    search: "if (space.fingerprint === fingerprint) return;",
    replace: "return;",
    tests: SUITE,
  },
  {
    name: "a dispatch waits for a time that was written before the clock was set back",
    file: "src/jobs/store/birth-rules.ts",
    search: "if (at > now && !isAhead) return undefined;",
    replace: "if (at > now) return undefined;",
    tests: ["jobs/store/clock.test.ts"],
  },
];
