import type { UnitMutant } from "./unit-mutant.ts";

const TRACKER = "src/jobs/track/tracker.ts";
const TOUCHES = "src/jobs/track/touches.ts";
const ENDS = "src/jobs/track/ends.ts";
const OUTAGE = "src/jobs/track/outage.ts";
const WRITER = "src/jobs/writes/job-writer.ts";

/** Mutants of the worker of jobs, and of what it writes. */
export const jobWorkerMutants: readonly UnitMutant[] = [
  {
    name: "a message is settled before the end of its run is recorded",
    file: "src/jobs/track/end-recorder.ts",
    search: "    return writer.write(end, job.seedBytes).then(\n",
    replace:
      "    writer.write(end).catch(() => undefined);\n    return Promise.resolve(asked);\n    return writer.write(end).then(\n",
    tests: ["jobs/track/lease.test.ts", "jobs/track/outage.test.ts"],
  },
  {
    name: "a run that another one has taken over settles its message",
    file: ENDS,
    search: 'return "abandon";',
    replace: "return asked;",
    tests: ["jobs/track/lease.test.ts"],
  },
  {
    name: "the changes of one job overtake each other",
    file: WRITER,
    search: "if (before === undefined) this.#begin(write);\n    else before.next = write;",
    replace: "this.#begin(write);",
    tests: ["jobs/writes/job-writer.test.ts"],
  },
  {
    name: "the next claim of a job overtakes its end in the journal",
    file: WRITER,
    search: "if (this.#journal.size > 0 && this.#journal.has(change.id)) {",
    replace: "if (this.#isClosed) {",
    tests: ["jobs/writes/outage.test.ts"],
  },
  {
    name: "a store that is down is asked for each job",
    file: "src/jobs/writes/breaker.ts",
    search: "if (this.#isDown || this.#isClosed || this.#failures < FAILURES) return;",
    replace: "if (this.#failures >= 0) return;",
    tests: ["jobs/writes/outage.test.ts"],
  },
  {
    name: "one change that the store cannot take fails all others of its call",
    file: WRITER,
    search:
      '} else if (writes.length === 1 || isQueueError(error, "config") || isQueueError(error, "closed")) {',
    replace: "} else if (writes.length > 0) {",
    tests: ["jobs/writes/job-writer.test.ts"],
  },
  {
    name: "a claim ends with the lease of its message, before the broker redelivers it",
    file: TOUCHES,
    search: "Math.max(0, run.leaseUntil - now) + BEYOND_LEASE_MS;",
    replace: "0;",
    tests: ["jobs/track/lease.test.ts"],
  },
  {
    name: "the handler of a cancelled job goes on",
    file: TOUCHES,
    search: "job.run.abort(cancelled(job, reason));",
    replace: "",
    tests: ["jobs/track/cancel.test.ts"],
  },
  {
    name: "a report whose call has failed is lost",
    file: TOUCHES,
    search: "job.report = joined(report, job.report);",
    replace: "",
    tests: ["jobs/track/outage.test.ts"],
  },
  {
    name: "an end does not wait for the reports that are on their way",
    file: TRACKER,
    search: "return reporting === undefined",
    replace: "return reporting !== null",
    tests: ["jobs/track/outage.test.ts"],
  },
  {
    name: "each report of progress is written",
    file: TOUCHES,
    search: "Math.max(this.#clock.monotonic(), earliest)",
    replace: "this.#clock.monotonic()",
    tests: ["jobs/track/context.test.ts"],
  },
  {
    name: "the end of a run whose lease was lost is not recorded",
    file: TRACKER,
    search: "this.#ends.recordLate(job, end);",
    replace: "",
    tests: ["jobs/track/lease.test.ts"],
  },
  {
    name: "a job that ended in this process runs again in an outage",
    file: OUTAGE,
    search: "const ended = this.#ended.of(job.run, job.stamp);",
    replace: "const ended = undefined;",
    tests: ["jobs/track/outage.test.ts"],
  },
  {
    name: "a message that may have been handled before runs at once in an outage",
    file: OUTAGE,
    search: "if (!isFirstDelivery(job) && !this.#waited.delete(job.id)) {",
    replace: "if (job.id === undefined) {",
    tests: ["jobs/track/outage.test.ts"],
  },
  {
    name: "the record of an untracked run has the payload as its handler has left it",
    file: TRACKER,
    search: "job.keepSeed();",
    replace: "",
    tests: ["jobs/track/outage.test.ts"],
  },
  {
    name: "an iteration that stops for a drain counts as a failed attempt",
    file: ENDS,
    search: "if (isInterrupted || kind",
    replace: "if (kind",
    tests: ["jobs/track/iterate.test.ts"],
  },
  {
    name: "a message that is dead-lettered without a claim leaves its record as it is",
    file: TRACKER,
    search: 'if (asked.kind !== "dead_letter" || !this.#isTracked(run)) return undefined;',
    replace: "if (asked) return undefined;",
    tests: ["jobs/track/worker.test.ts"],
  },
  {
    name: "the journal of an outage drops ends",
    file: "src/jobs/writes/job-writer.ts",
    search: "this.#journal.add(change);",
    replace: 'if (change.kind !== "end") this.#journal.add(change);',
    tests: ["jobs/writes/outage.test.ts", "jobs/track/outage.test.ts"],
  },
  {
    name: "a dispatch is confirmed before its message is sent",
    file: "src/jobs/dispatch/dispatcher.ts",
    search: "    try {\n      await managed.sendManaged(queue",
    replace:
      '    await this.#note({ kind: "dispatched", id, dispatch });\n    try {\n      await managed.sendManaged(queue',
    tests: ["jobs/dispatch.test.ts", "jobs/crash.test.ts"],
  },
  {
    name: "a process may end while a change waits for its next try",
    file: WRITER,
    search: "this.#clock.timer(ms, again, true);",
    replace: "this.#clock.timer(ms, again);",
    tests: ["jobs/writes/job-writer.test.ts"],
  },
  {
    name: "a dispatcher takes a job for good, and not until it is sent",
    file: "src/jobs/dispatch/dispatcher.ts",
    search: "export const DISPATCH_MS = 35_000;",
    replace: "export const DISPATCH_MS = 35_000_000;",
    tests: ["jobs/crash.test.ts", "jobs/dispatch.test.ts"],
  },
  {
    name: "a worker whose jobs all wait for the store receives them meanwhile",
    file: "src/jobs/track/create-jobs-worker.ts",
    search: "if (waits) this.#outagePause.pause();\n    else if",
    replace: "if",
    tests: ["jobs/track/worker-outage.test.ts"],
  },
  {
    name: "a worker stays paused when the store is back",
    file: "src/jobs/track/create-jobs-worker.ts",
    search: "else if (this.#outagePause.paused) this.#outagePause.resume();",
    replace: "",
    tests: ["jobs/track/worker-outage.test.ts"],
  },
];
