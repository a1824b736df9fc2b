/** One way to break the core on purpose. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Occurs in the file exactly once; else the mutant is out of date, which is an error. */
  readonly search: string;
  readonly replace: string;
  /** The adapters whose conformance run has to notice; what only some providers need, only they can show. */
  readonly adapters: readonly string[];
}

const MEMORY = ["memory"];
const CLONES = ["memory-service-bus"];
const PARKING = ["memory-sqs"];

export const mutants: readonly Mutant[] = [
  {
    name: "acknowledges before the handler has run",
    file: "src/receive/running.ts",
    search: "    reporter.started(run);\n",
    replace: '    reporter.started(run);\n    this.#options.conclusions.conclude(run, { kind: "ack" });\n',
    adapters: MEMORY,
  },
  {
    name: "acknowledges a message before its clone is accepted",
    file: "src/receive/verdicts.ts",
    search: "  async #replace(run: Run, clone: Outgoing, delayMs: number): Promise<void> {\n    try {",
    replace:
      "  async #replace(run: Run, clone: Outgoing, delayMs: number): Promise<void> {\n    await this.ack(run);\n    try {",
    adapters: CLONES,
  },
  {
    name: "forgets the attempt when it clones",
    file: "src/receive/verdicts.ts",
    search: "{ ...over, [ATTEMPT]: run.attempt, [TARGET]: traits.target }",
    replace: "{ ...over, [TARGET]: traits.target }",
    adapters: CLONES,
  },
  {
    name: "clamps a delay to what the provider can hold",
    file: "src/delay/plan.ts",
    search: 'if (delayMs <= traits.nativeDelayMs) return { via: "native", delayMs };',
    replace:
      'if (traits.nativeDelayMs > 0) return { via: "native", delayMs: Math.min(delayMs, traits.nativeDelayMs) };',
    adapters: PARKING,
  },
  {
    name: "moves a parked message before it is due",
    file: "src/delay/pump.ts",
    search: "if (remainingMs < stepMs) {\n        if (remainingMs > 0) await sleep(clock, remainingMs);",
    replace: "if (remainingMs <= 5_000) {",
    adapters: PARKING,
  },
  {
    name: "swallows the failure of one message of a sent batch",
    file: "src/send/lane.ts",
    search: "if (result?.ok === true) {\n      item.accept(result);",
    replace: 'if (result !== undefined) {\n      item.accept({ brokerId: "" });',
    adapters: MEMORY,
  },
  {
    name: "swallows the failure of one settlement of a batch",
    file: "src/receive/settler.ts",
    search: "if (result?.ok === true) this.#end(settlement, true);",
    replace: "if (result !== undefined) this.#end(settlement, true);",
    adapters: MEMORY,
  },
  {
    name: "leaks the slot of a run that failed",
    file: "src/receive/running.ts",
    search: "    ended(run);\n",
    replace: '    if (disposition.kind !== "retry") ended(run);\n',
    adapters: MEMORY,
  },
  {
    name: "does not extend leases",
    file: "src/receive/lease-keeper.ts",
    search: "if (extendable && leftMs <= leaseMs - extendEveryMs) due.push(leased);",
    replace: "if (!extendable) due.length = 0;",
    adapters: MEMORY,
  },
  {
    name: "dead-letters without a reason",
    file: "src/receive/verdicts.ts",
    search: "const attributes = deadLetterAttributes(run.delivery.attributes, info, connection.limits);",
    replace: "const { attributes } = run.delivery;",
    adapters: MEMORY,
  },
  {
    name: "ends a drain before its verdicts are carried out",
    file: "src/receive/drain.ts",
    search: "    await this.#until(() => conclusions.pending === 0, patienceMs);\n",
    replace: "    await this.#until(() => true, patienceMs);\n",
    adapters: MEMORY,
  },
  {
    name: "does not let running handlers finish in a drain",
    file: "src/receive/drain.ts",
    search: "await this.#until(() => running.size === 0, drainMs);",
    replace: "await this.#until(() => true, drainMs);",
    adapters: MEMORY,
  },
  {
    name: "takes a run that its drain aborted for a failed one",
    file: "src/receive/conclusions.ts",
    search: 'return run.drained && failed ? { kind: "release" } : disposition;',
    replace:
      'return run.drained && !failed && disposition.kind === "retry" ? { kind: "release" } : disposition;',
    adapters: MEMORY,
  },
  {
    name: "redelivers at once instead of after the backoff",
    file: "src/receive/verdicts.ts",
    search: "if (delayMs <= maxReleaseDelayMs) return this.#release(run, delayMs);",
    replace: "if (delayMs <= maxReleaseDelayMs) return this.#release(run, 0);",
    adapters: MEMORY,
  },
  {
    name: "takes a message for exhausted on its receipt",
    file: "src/receive/admission.ts",
    search: "traits.countsDeliveries && deliveryCount >= crashLoop",
    replace: "traits.countsDeliveries && deliveryCount > Math.min(crashLoop, run.message.maxAttempts)",
    adapters: MEMORY,
  },
  {
    name: "allows one attempt too many",
    file: "src/disposition.ts",
    search: "if (attempt >= maxAttempts)",
    replace: "if (attempt > maxAttempts)",
    adapters: MEMORY,
  },
  {
    name: "names clones after their message, not after the copy that they replace",
    file: "src/clone.ts",
    search: "${purpose}\\n${id}\\n${copy.brokerId}",
    replace: "${purpose}\\n${id}",
    adapters: CLONES,
  },
  {
    name: "does not tell a handler that its lease is lost",
    file: "src/receive/lease-keeper.ts",
    search: "if (this.remove(leased)) leased.onLeaseLost();",
    replace: "this.remove(leased);",
    adapters: MEMORY,
  },
];
