import type { UnitMutant } from "./unit-mutant.ts";

const CLAIMS = ["receive/claims.test.ts"];
const CONCLUSIONS = ["receive/conclusions.test.ts"];
const RELEASES = ["receive/tracked-releases.test.ts"];
const GUARD = ["receive/tracked-guard.test.ts"];
const BURIED = ["receive/buried.test.ts"];

/** Faults in the places where a receiver asks its tracker, and tells it. */
export const trackingMutants: readonly UnitMutant[] = [
  {
    name: "a handler is called although the lease was lost while its claim waited",
    file: "src/receive/runner.ts",
    search: "if (run.fenced || !leases.keeps(run)) {",
    replace: "if (false as boolean) {",
    tests: CLAIMS,
  },
  {
    name: "a claim that came too late is kept from the tracker",
    file: "src/receive/runner.ts",
    search: "if (claim.run) tracker?.late(run, RELEASE);",
    replace: "",
    tests: CLAIMS,
  },
  {
    name: "a handler is called in a drain, as its claim was asked for before",
    file: "src/receive/runner.ts",
    search: "} else if (capacity.refusing) {",
    replace: "} else if (false as boolean) {",
    tests: CLAIMS,
  },
  {
    name: "a message that was not claimed keeps its slot",
    file: "src/receive/runner.ts",
    search: "capacity.untake(run.message.type);\n    capacity.changed();",
    replace: "capacity.changed();",
    tests: CLAIMS,
  },
  {
    name: "the attempt of a claim is ignored",
    file: "src/receive/runner.ts",
    search: "if (claim.run && claim.attempt !== undefined) run.attempt = claim.attempt;",
    replace: "",
    tests: CLAIMS,
  },
  {
    name: "the broker's count decides when the attempts of a tracked job are used up",
    file: "src/receive/attempts.ts",
    search: "return run.isCounted || this.isWorn(run) ? run.attempt - 1 : this.failedBefore(run);",
    replace: "return this.isWorn(run) ? run.attempt - 1 : run.delivery.deliveryCount - 1;",
    tests: CLAIMS,
  },
  {
    name: "the crash-loop guard acts before the claim",
    file: "src/receive/dispatcher.ts",
    search: "} else if (tracker === undefined && attempts.isCrashLoop(run)) {",
    replace: "} else if (attempts.isCrashLoop(run)) {",
    tests: GUARD,
  },
  {
    name: "the crash-loop guard never acts if there is a tracker",
    file: "src/receive/runner.ts",
    search: "if (this.#context.attempts.isCrashLoop(run)) {",
    replace: "if (false as boolean) {",
    tests: GUARD,
  },
  {
    name: "an ordered message that waits for its store looks like a crash loop",
    file: "src/receive/attempts.ts",
    search: "if (run.isCounted) {\n",
    replace: "if (run.isCounted && run.startedAt > 0) {\n",
    tests: RELEASES,
  },
  {
    name: "a release of an ordered message with a delay counts as a failure",
    file: "src/receive/redelivery.ts",
    search: "attempts.released(run);\n    return this.releaseAfter(run, delayMs);",
    replace: "attempts.failed(run);\n    return this.releaseAfter(run, delayMs);",
    tests: RELEASES,
  },
  {
    name: "a delayed release counts the attempt",
    file: "src/receive/redelivery.ts",
    search: "[ATTEMPT]: run.attempt - 1 || undefined,",
    replace: "[ATTEMPT]: run.attempt,",
    tests: RELEASES,
  },
  {
    name: "a message is settled although its lease was lost while its end was recorded",
    file: "src/receive/settlement.ts",
    search: 'if (answer !== "abandon" && leases.keeps(run)) {',
    replace: 'if (answer !== "abandon") {',
    tests: CONCLUSIONS,
  },
  {
    name: "a message is settled as its handler ended, whatever the tracker answers",
    file: "src/receive/settlement.ts",
    search: "concluding.then((answer) => this.#concluded(run, answer))",
    replace: "concluding.then(() => this.#concluded(run, disposition))",
    tests: CONCLUSIONS,
  },
  {
    name: "a message is settled before its end is recorded",
    file: "src/receive/settlement.ts",
    search: "if (concluding === undefined) this.carryOut(run, disposition);",
    replace: "this.carryOut(run, disposition);\n    if (concluding === undefined) return;",
    tests: CONCLUSIONS,
  },
  {
    name: "a message that only waits for a worker with its type is concluded",
    file: "src/receive/settlement.ts",
    search: "return isReadable && !waits;",
    replace: "return isReadable;",
    tests: CONCLUSIONS,
  },
  {
    name: "a message whose id cannot be read is concluded",
    file: "src/receive/settlement.ts",
    search: "return isReadable && !waits;",
    replace: "return !waits;",
    tests: CONCLUSIONS,
  },
  {
    name: "the drain gives a run back without a word to the tracker",
    file: "src/receive/drain.ts",
    search: 'else this.#settlement.apply(run, { kind: "release" });',
    replace: "else this.#settlement.release(run);",
    tests: CONCLUSIONS,
  },
  {
    name: "the drain names a run whose claim was not answered as one that ignores its signal",
    file: "src/receive/drain.ts",
    search: "return left.filter(({ startedAt }) => startedAt !== 0);",
    replace: "return left;",
    tests: CLAIMS,
  },
  {
    name: "the late end of a run in a drain counts as its failure",
    file: "src/receive/runner.ts",
    search: "this.#context.tracker?.late(run, this.#settlement.final(run, disposition));",
    replace: "this.#context.tracker?.late(run, disposition);",
    tests: CONCLUSIONS,
  },
  {
    name: "the tracker does not hear of a lost lease",
    file: "src/receive/dispatcher.ts",
    search: "tracker?.leaseLost(run);",
    replace: "",
    tests: CONCLUSIONS,
  },
  {
    name: "an original is acknowledged before its dead letter counts as buried",
    file: "src/receive/dead-lettering.ts",
    search: "this.#buried(run);\n      await this.#acknowledge(run);",
    replace: "await this.#acknowledge(run);\n      this.#buried(run);",
    tests: BURIED,
  },
  {
    name: "a worker claims messages of types that it does not know",
    file: "src/worker/tracker-of-types.ts",
    search: "isRegistered(run.message.type) ? tracker.claim(run) : undefined",
    replace: "tracker.claim(run)",
    tests: ["worker/tracked.test.ts"],
  },
  {
    name: "a redrive with a transform forgets the note of the job system",
    file: "src/dead-letter/redrive.ts",
    search: "[JOB]: delivery.attributes[JOB],",
    replace: "",
    tests: ["client/managed-send.test.ts"],
  },
  {
    name: "a batch gives every message the facts of the first",
    file: "src/send/producer.ts",
    search: "withFacts(options, facts?.[index]);",
    replace: "withFacts(options, facts?.[0] ?? facts?.[index]);",
    tests: ["client/managed-send.test.ts"],
  },
];
