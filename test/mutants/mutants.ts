import type { FileChange } from "./mutant-runner.ts";

/** A deliberate fault in the core. */
export interface Mutant extends FileChange {
  /** Adapters whose conformance run must notice the fault. Some faults show only on providers that need the code. */
  readonly adapters: readonly string[];
}

const MEMORY = ["memory"];
const REQUEUES = ["memory-service-bus"];
const DELAY_QUEUE = ["memory-sqs"];

export const mutants: readonly Mutant[] = [
  {
    name: "acknowledges before the handler has run",
    file: "src/receive/runner.ts",
    search: "    this.#reporter.started(run);\n",
    replace: '    this.#reporter.started(run);\n    this.#settlement.apply(run, { kind: "ack" });\n',
    adapters: MEMORY,
  },
  {
    name: "acknowledges a message before its copy is accepted",
    file: "src/receive/replacer.ts",
    search: "      await sender.dispatch(queue, copy, { delayMs, deadlineMs });\n",
    replace: "      void sender.dispatch(queue, copy, { delayMs, deadlineMs }).catch(() => {});\n",
    adapters: REQUEUES,
  },
  {
    name: "forgets the attempt when it requeues",
    file: "src/receive/redelivery.ts",
    search: "      [ATTEMPT]: run.attempt,\n",
    replace: "",
    adapters: REQUEUES,
  },
  {
    name: "shortens a delay to the longest delay of the provider",
    file: "src/send/delay-plan.ts",
    search: 'if (delayMs <= traits.nativeDelayMs) return { via: "native", delayMs };',
    replace:
      'if (traits.nativeDelayMs > 0) return { via: "native", delayMs: Math.min(delayMs, traits.nativeDelayMs) };',
    adapters: DELAY_QUEUE,
  },
  {
    name: "moves a delayed message before it is due",
    file: "src/delay/pump.ts",
    search: "if (remainingMs < stepMs) {\n        if (remainingMs > 0) await sleep(clock, remainingMs);",
    replace: "if (remainingMs <= 5_000) {",
    adapters: DELAY_QUEUE,
  },
  {
    name: "swallows the failure of one message of a sent batch",
    file: "src/send/queue-sender.ts",
    search: "if (result?.ok === true) {\n      item.accept(result);",
    replace: 'if (result !== undefined) {\n      item.accept({ brokerId: "" });',
    adapters: MEMORY,
  },
  {
    name: "swallows the failure of one settlement of a batch",
    file: "src/transport/settler.ts",
    search: "if (result?.ok === true) this.#end(settlement, true);",
    replace: "if (result !== undefined) this.#end(settlement, true);",
    adapters: MEMORY,
  },
  {
    name: "leaks the slot of a run that failed",
    file: "src/receive/runner.ts",
    search: "    this.#capacity.release(",
    replace: '    if (disposition.kind !== "retry") this.#capacity.release(',
    adapters: MEMORY,
  },
  {
    name: "does not extend leases",
    file: "src/transport/lease-keeper.ts",
    search: "if (extendable && leftMs <= leaseMs - extendEveryMs) due.push(leased);",
    replace: "if (!extendable) due.length = 0;",
    adapters: MEMORY,
  },
  {
    name: "dead-letters without a reason",
    file: "src/receive/replacer.ts",
    search: "const copy = this.#deadLetterCopy(run, attributes);",
    replace: "const copy = this.#deadLetterCopy(run, delivery.attributes);",
    adapters: MEMORY,
  },
  {
    name: "ends a drain before its messages are settled",
    file: "src/receive/drain.ts",
    search: "await this.#until(() => capacity.settling === 0 || isOver,",
    replace: "await this.#until(() => true,",
    adapters: MEMORY,
  },
  {
    name: "does not let running handlers finish in a drain",
    file: "src/receive/drain.ts",
    search: "await this.#until(() => runner.size === 0, drainMs);",
    replace: "await this.#until(() => true, drainMs);",
    adapters: MEMORY,
  },
  {
    name: "counts a run that the drain aborted as failed",
    file: "src/receive/settlement.ts",
    search: 'return run.drained && failed ? { kind: "release" } : disposition;',
    replace:
      'return run.drained && !failed && disposition.kind === "retry" ? { kind: "release" } : disposition;',
    adapters: MEMORY,
  },
  {
    name: "sends outside of the transaction that a message was given, on a provider that has none",
    file: "src/send/prepare.ts",
    search: "if (limits.transactional !== true) {",
    replace: "if (limits.transactional === false) {",
    adapters: MEMORY,
  },
  {
    name: "redelivers at once instead of after the backoff",
    file: "src/receive/redelivery.ts",
    search: "if (delayMs <= maxReleaseDelayMs) return this.#letGo(run, delayMs);",
    replace: "if (delayMs <= maxReleaseDelayMs) return this.#letGo(run, 0);",
    adapters: MEMORY,
  },
  {
    name: "counts a message as exhausted on its receipt",
    file: "src/receive/dispatcher.ts",
    search: "attempts.isCrashLoop(run)",
    replace: "run.delivery.deliveryCount > run.message.maxAttempts",
    adapters: MEMORY,
  },
  {
    name: "allows one attempt too many",
    file: "src/queue/disposition.ts",
    search: "if (failures >= maxAttempts)",
    replace: "if (failures > maxAttempts)",
    adapters: MEMORY,
  },
  {
    name: "names copies after their message, not after the copy that they replace",
    file: "src/message/requeue.ts",
    search: "${purpose}\\n${id}\\n${copy.brokerId}",
    replace: "${purpose}\\n${id}",
    adapters: REQUEUES,
  },
  {
    name: "does not abort the handler of a lost lease",
    file: "src/transport/lease-keeper.ts",
    search: "if (this.remove(leased)) leased.onLeaseLost();",
    replace: "this.remove(leased);",
    adapters: MEMORY,
  },
];
