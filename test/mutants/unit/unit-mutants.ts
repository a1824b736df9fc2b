import { jobWorkerMutants } from "./job-worker-mutants.ts";
import { jobsMutants } from "./jobs-mutants.ts";
import { jobStoreMutants } from "./job-store-mutants.ts";
import { trackingMutants } from "./tracking-mutants.ts";
import type { UnitMutant } from "./unit-mutant.ts";

const RECEIVE = ["receive"];
const SEND = ["send"];

export const unitMutants: readonly UnitMutant[] = [
  ...jobStoreMutants,
  ...trackingMutants,
  ...jobWorkerMutants,
  ...jobsMutants,
  {
    name: "a drain forgets the messages that wait behind their key",
    file: "src/receive/dispatcher.ts",
    search: "[...this.#keys.clear(), ...this.#waiting.clear()]",
    replace: "this.#waiting.clear()",
    tests: RECEIVE,
  },
  {
    name: "a message that was released before its run has used up an attempt",
    file: "src/receive/attempts.ts",
    search: "known.released += releases;",
    replace: "known.released += run.startedAt > 0 ? releases : 0;",
    tests: RECEIVE,
  },
  {
    name: "a message runs in the place of the failed head of its key",
    file: "src/receive/key-queues.ts",
    search: "const next = gone ? this.#behind.shift() : undefined;",
    replace: "const next = this.#behind.shift();",
    tests: RECEIVE,
  },
  {
    name: "the signal of a delayed send is dropped",
    file: "src/send/sender.ts",
    search: "const terms: SendTerms = { ...dispatch, bytes: undefined };",
    replace: "const terms: SendTerms = { ...dispatch, bytes: undefined, signal: undefined };",
    tests: SEND,
  },
  {
    name: "the backoff of a send has no jitter",
    file: "src/send/queue-sender.ts",
    search: "backoffDelayMs(RETRY, item.failures, this.#connection.random)",
    replace: "backoffDelayMs(RETRY, item.failures, () => 1)",
    tests: SEND,
  },
  {
    name: "a released job goes back with its delivery as an attempt",
    file: "src/receive/redelivery.ts",
    search: "[ATTEMPT]: attempts.failedBefore(run) || undefined,",
    replace: "[ATTEMPT]: run.attempt,",
    tests: RECEIVE,
  },
  {
    name: "deliveries from before a receiver was opened count as failed runs",
    file: "src/receive/attempts.ts",
    search: "return Math.max(0, before - this.#doubtful(run));",
    replace: "return before;",
    tests: RECEIVE,
  },
  {
    name: "later deliveries of a failed message are in doubt for ever",
    file: "src/receive/attempts.ts",
    search: "return this.#known.get(delivery.brokerId)?.doubtful ?? delivery.deliveryCount - 1;",
    replace: "return delivery.deliveryCount - 1;",
    tests: RECEIVE,
  },
  {
    name: "deliveries are in doubt although the message is younger than the receiver",
    file: "src/receive/attempts.ts",
    search: "if (since > this.#openedAt) return 0;",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "doubt about deliveries outlasts the crash-loop guard",
    file: "src/receive/attempts.ts",
    search: "return run.isCounted || this.isWorn(run) ? run.attempt - 1 : this.failedBefore(run);",
    replace: "return this.failedBefore(run);",
    tests: RECEIVE,
  },
  {
    name: "a held message takes the room of another",
    file: "src/receive/capacity.ts",
    search: "maxSettling + this.#held - this.#settling",
    replace: "maxSettling - this.#settling",
    tests: RECEIVE,
  },
  {
    name: "messages are held without a bound",
    file: "src/receive/redelivery.ts",
    search: "if (!capacity.canHold) return this.#letGo(run, maxReleaseDelayMs);",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "a job whose dead letter cannot be sent runs again",
    file: "src/receive/dead-lettering.ts",
    search: "this.#decisions.set(brokerId, decision);",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "a decision that another process recorded is ignored",
    file: "src/receive/dead-lettering.ts",
    search: "system.decided !== undefined ||",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "the copy that records a decision is acknowledged before it was accepted",
    file: "src/receive/dead-lettering.ts",
    search: "if (!isRecorded) return { again };",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "the details of a dead letter do not shrink",
    file: "src/receive/replacer.ts",
    search: 'if (kind !== "too_large" && !(kind === "permanent" && isRepeated)) break;',
    replace: "break;",
    tests: RECEIVE,
  },
  {
    name: "a single permanent error costs a dead letter its attributes",
    file: "src/receive/replacer.ts",
    search: '!(kind === "permanent" && isRepeated)',
    replace: 'kind !== "permanent"',
    tests: RECEIVE,
  },
  {
    name: "the end of a run does not reset the pace of returns",
    file: "src/receive/return-pacing.ts",
    search: "pace.blockedSince = undefined;",
    replace: "",
    tests: RECEIVE,
  },
  {
    name: "a message of an ordered sender is sent again before the others that failed with it",
    file: "src/send/queue-sender.ts",
    search: "Math.max(...failed.map((item) => this.#waitMs(item)))",
    replace: "0",
    tests: SEND,
  },
  {
    name: "the deadline of a copy in the delay queue starts anew",
    file: "src/send/sender.ts",
    search: "const at = (since ?? clock.monotonic()) + deadlineMs;",
    replace: "const at = clock.monotonic() + deadlineMs;",
    tests: SEND,
  },
  {
    name: "an unknown outcome of an earlier call is forgotten",
    file: "src/send/queue-sender.ts",
    search: 'if (error.kind === "ambiguous") item.ambiguous = true;',
    replace: 'item.ambiguous = error.kind === "ambiguous";',
    tests: SEND,
  },
  {
    name: "a message that has its outcome is sent again with its batch",
    file: "src/send/queue-sender.ts",
    search: "items.filter((item) => !item.settled)",
    replace: "[...items]",
    tests: SEND,
  },
];
