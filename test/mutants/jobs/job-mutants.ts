import type { FileChange } from "../mutant-runner.ts";

/** A deliberate fault of the job system, and a rule of its simulation that has to be broken by it. */
export interface JobMutant extends FileChange {
  /** One of the rules that notice it. */
  readonly rules: readonly string[];
}

export const jobMutants: readonly JobMutant[] = [
  {
    name: "acknowledges a job before its end is recorded",
    file: "src/jobs/track/end-recorder.ts",
    search: "    if (!writer.isUp) return this.#unrecorded(job, end, asked, draining);\n",
    replace: `    if (writer.isUp) {
      void sleep(this.#clock, 50).then(() => writer.write(end)).catch(() => undefined);
      return Promise.resolve(dispositionOf(end.outcome, asked));
    }
    if (!writer.isUp) return this.#unrecorded(job, end, asked, draining);
`,
    rules: ["unseen"],
  },
  {
    name: "accepts the end of a run whose claim another one has taken over",
    file: "src/jobs/store/run-rules.ts",
    search: "if (token !== undefined && row.hold?.token === token) return finish(row, change, now);",
    replace: "if (token !== undefined && row.hold !== undefined) return finish(row, change, now);",
    rules: ["fence", "status"],
  },
  {
    name: "sets a job back by a late record",
    file: "src/jobs/store/birth-rules.ts",
    search: '  if (matchOf(row, job, false, now) !== "same") return unchanged(row);\n',
    replace: `  if (matchOf(row, job, false, now) !== "same") return unchanged(row);
  if (row.dispatch === undefined) return noted(changed(row, now, { status: "queued", hold: undefined }), data);
`,
    rules: ["states"],
  },
  {
    name: "forgets at a claim that the job was cancelled",
    file: "src/jobs/store/claim-rules.ts",
    search: `    case "cancelled":
      return { row, answer: { do: "cancelled", generation } };
    case "failed": {`,
    replace: `    case "cancelled":
      return begin(row, change, now);
    case "failed": {`,
    rules: ["states", "cancelled"],
  },
  {
    name: "takes a redriven message for the one that has failed",
    file: "src/jobs/store/claim-rules.ts",
    search: "return isRedriven || isMovedBack ? claimNewer(row, change, now) : claimKnown(row, change, now);",
    replace: "return isMovedBack ? claimNewer(row, change, now) : claimKnown(row, change, now);",
    rules: ["redrive"],
  },
  {
    name: "records a late end of an earlier generation",
    file: "src/jobs/store/run-rules.ts",
    search: "if ((generation < row.generation && !hasRun) || change.seed === undefined)",
    replace: "if (change.seed === undefined)",
    rules: ["generation", "states", "fence"],
  },
  {
    name: "never takes over a claim that has lapsed",
    file: "src/jobs/store/claim-rules.ts",
    search: "return isHeld(row, now) ? busy(row, now) : takeOver(row, change, now);",
    replace: 'return later(row, 5_000, "busy");',
    rules: ["rest", "busy"],
  },
  {
    name: "grants a claim while another run holds the job",
    file: "src/jobs/store/claim-rules.ts",
    search: "return isHeld(row, now) ? busy(row, now) : takeOver(row, change, now);",
    replace: "return takeOver(row, change, now);",
    rules: ["fence"],
  },
  {
    name: "runs a job again that is completed",
    file: "src/jobs/store/claim-rules.ts",
    search: `    case "completed":
      return { row, answer: { do: "done", generation } };`,
    replace: `    case "completed":
      return begin(row, change, now);`,
    rules: ["states", "rerun"],
  },
  {
    name: "names each dispatch of a job alike, so that a broker drops the later ones",
    file: "src/jobs/dispatch/dispatcher.ts",
    search: "repeatId: hashOf([namespace, id, generation, dispatch]),",
    replace: "repeatId: hashOf([namespace, id, typeof generation, typeof dispatch]),",
    rules: ["dedup"],
  },
  {
    name: "forgets a completed run of an outage behind a failed one",
    file: "src/jobs/track/end-recorder.ts",
    search: 'end.outcome === "completed" ? { ...end, isUntracked: true } : end',
    replace: "end",
    rules: ["status"],
  },
];
