import type { FileChange } from "../mutant-runner.ts";

/** A deliberate fault of an adapter, and the requirement of the group `contract` whose cases alone have to notice it. */
export interface ContractMutant extends FileChange {
  readonly adapter: string;
  readonly requirement: `contract.${string}`;
}

/** The memory adapter, whose virtual clock makes a run short. */
const MEMORY = "memory";
/** The same with requests that take a moment, and with the polls that other adapters have. */
const REMOTE = "memory-remote";
/** The example of an adapter that stores messages outside of the process. */
const DIRECTORY = "directory";

/** Queues in a file, which the transaction of an application can contain. */
const SQLITE = "sqlite";

const lateAck: Pick<FileChange, "file" | "search" | "replace"> = {
  file: "adapters/memory/settle.ts",
  search: "if (message.lease !== lease) return this.#lost();",
  replace: `if (message.lease !== lease && operation.kind === "ack") {
      this.#store.remove(message);
      return DONE;
    }
    if (message.lease !== lease) return this.#lost();`,
};

export const contractMutants: readonly ContractMutant[] = [
  {
    name: "writes the messages of a transaction outside of it",
    file: "adapters/sqlite/driver.ts",
    search: "const written = await (transaction === undefined",
    replace: "const written = await (transaction !== null",
    adapter: SQLITE,
    requirement: "contract.transaction",
  },
  {
    name: "sends at once if it is given no transaction of its kind",
    file: "adapters/sqlite/driver.ts",
    search: "if (!isDatabase(transaction)) {",
    replace:
      "if (!isDatabase(transaction)) return this.#send(queue, messages);\n    if (!isDatabase(transaction)) {",
    adapter: SQLITE,
    requirement: "contract.transaction",
  },
  {
    name: "does not compare the delivery count when it settles",
    file: "adapters/sqlite/queue/message-table.ts",
    search: "SET visible_at = ?, held = 1, deliveries = deliveries + 1 WHERE id IN (",
    replace: "SET visible_at = ?, held = 1, deliveries = 1 WHERE id IN (",
    adapter: SQLITE,
    requirement: "contract.lease_lost",
  },
  {
    name: "removes the messages of a queue that is ensured again",
    file: "examples/directory-adapter/admin.ts",
    search: 'if (file.startsWith(".")) await removeLeftOver(join(folder, file));',
    replace: "await rm(join(folder, file), { force: true });",
    adapter: DIRECTORY,
    requirement: "contract.ensure",
  },
  {
    name: "rounds the delay of a send down to seconds",
    file: "examples/directory-adapter/driver.ts",
    search: "writeMessage(folder, enqueuedAt + delayMs, content)",
    replace: "writeMessage(folder, enqueuedAt + Math.floor(delayMs / 1_000) * 1_000, content)",
    adapter: DIRECTORY,
    requirement: "contract.delay",
  },
  {
    name: "returns a body of bytes as text",
    file: "examples/directory-adapter/message-file.ts",
    search: "body: bytes.subarray(end + 1) };",
    replace: 'body: bytes.toString("utf8", end + 1) };',
    adapter: DIRECTORY,
    requirement: "contract.identity",
  },
  {
    name: "extends by the lease of the source and not by that of the extension",
    file: "examples/directory-adapter/source.ts",
    search: "const leaseUntil = now + operation.leaseMs;",
    replace: "const leaseUntil = now + this.#leaseMs;",
    adapter: DIRECTORY,
    requirement: "contract.lease",
  },
  {
    name: "rejects a second close of a driver",
    file: "examples/directory-adapter/driver.ts",
    search: "async close(): Promise<void> {}",
    replace:
      '#isClosed = false;\n  async close(): Promise<void> {\n    if (this.#isClosed) throw new Error("closed");\n    this.#isClosed = true;\n  }',
    adapter: DIRECTORY,
    requirement: "contract.closed",
  },
  {
    name: "removes a message that another receiver holds by a late acknowledgement",
    ...lateAck,
    adapter: MEMORY,
    requirement: "contract.lease_lost",
  },
  {
    name: "removes it on a provider that confirms late acknowledgements",
    ...lateAck,
    adapter: "memory-sqs",
    requirement: "contract.lease_lost",
  },
  {
    name: "confirms an extension without an effect",
    file: "adapters/memory/settle.ts",
    search: "this.#store.extend(lease, now + (fixedLeaseMs ?? profile.leaseMs(leaseMs)));",
    replace: "",
    adapter: MEMORY,
    requirement: "contract.lease",
  },
  {
    name: "ignores the delay of a release",
    file: "adapters/memory/settle.ts",
    search: "this.#store.release(lease, roundUp(delayMs, delayGranularityMs), now);",
    replace: "this.#store.release(lease, 0, now);",
    adapter: MEMORY,
    requirement: "contract.lease",
  },
  {
    name: "reports a lost lease as permanent",
    file: "adapters/memory/settle.ts",
    search: 'return this.#failed("lease_lost", ',
    replace: 'return this.#failed("permanent", ',
    adapter: MEMORY,
    requirement: "contract.lease_lost",
  },
  {
    name: "confirms an extension after an acknowledgement",
    file: "adapters/memory/settle.ts",
    search: 'return operation.kind === "extend" ? this.#lost() : DONE;',
    replace: "return DONE;",
    adapter: MEMORY,
    requirement: "contract.lease_lost",
  },
  {
    name: "drops the messages of an aborted poll",
    file: "src/driver/poll-runner.ts",
    search: "this.#keep(fresh);",
    replace: "",
    adapter: REMOTE,
    requirement: "contract.abort",
  },
  {
    name: "ignores the signal of a poll",
    file: "src/driver/poll-runner.ts",
    search: 'signal.addEventListener("abort", onAbort, { once: true });',
    replace: "",
    adapter: REMOTE,
    requirement: "contract.abort",
  },
  {
    name: "reports an aborted send as transient",
    file: "src/driver/requests.ts",
    search: 'new DriverError("ambiguous", ',
    replace: 'new DriverError("transient", ',
    adapter: REMOTE,
    requirement: "contract.abort",
  },
  {
    name: "makes a request for a poll while that of an aborted poll is under way",
    file: "src/driver/poll-runner.ts",
    search: "if (request.counts) missing -= request.max;",
    replace: "",
    adapter: REMOTE,
    requirement: "contract.prefetch",
  },
  {
    name: "does not wait for the polls under way in a stop",
    file: "src/driver/poll-runner.ts",
    search: "await Promise.all(this.#running.all());",
    replace: "",
    adapter: REMOTE,
    requirement: "contract.stop",
  },
  {
    name: "does not end the waiting polls in a stop",
    file: "src/driver/poll-runner.ts",
    search: "for (const call of this.#calls) call.end([]);",
    replace: "",
    adapter: REMOTE,
    requirement: "contract.stop",
  },
  {
    name: "sends again after a lost answer, without an error",
    file: "adapters/memory/driver.ts",
    search: "() => this.#sendUnderFault(queue, messages, faults));",
    replace:
      "() => this.#sendUnderFault(queue, messages, faults).catch(() => this.#sendUnderFault(queue, messages, undefined)));",
    adapter: REMOTE,
    requirement: "contract.lost_answer",
  },
  {
    name: "reports a lost answer as transient",
    file: "adapters/memory/faults.ts",
    search: 'throw new DriverError("ambiguous", ',
    replace: 'throw new DriverError("transient", ',
    adapter: REMOTE,
    requirement: "contract.lost_answer",
  },
  {
    name: "reads the array of a send after the call has returned",
    file: "adapters/memory/driver.ts",
    search: "if (faults === undefined && !signal.aborted)",
    replace: "await Promise.resolve();\n    if (faults === undefined && !signal.aborted)",
    adapter: MEMORY,
    requirement: "contract.retention",
  },
  {
    name: "reads the array of a settlement after the call has returned",
    file: "adapters/memory/source.ts",
    search: "const { faults, maxSettleBatch } = this.#context;",
    replace: "await Promise.resolve();\n    const { faults, maxSettleBatch } = this.#context;",
    adapter: MEMORY,
    requirement: "contract.retention",
  },
  {
    name: "keeps every delivery that was handed out",
    file: "adapters/memory/queue.ts",
    search: "deliveries.push(this.#deliver(message, poll, now, epochMs));",
    replace:
      '((globalThis as any)["kept"] ??= []).push(deliveries[deliveries.push(this.#deliver(message, poll, now, epochMs)) - 1]);',
    adapter: MEMORY,
    requirement: "contract.retention",
  },
  {
    name: "changes the broker's id with each delivery",
    file: "adapters/memory/queue.ts",
    search: "brokerId: message.brokerId,",
    replace: "brokerId: `${message.brokerId}/${message.deliveries}`,",
    adapter: MEMORY,
    requirement: "contract.identity",
  },
  {
    name: "reports the time of a message in seconds",
    file: "adapters/memory/queue.ts",
    search: "enqueuedAt: Math.round(message.enqueuedAt + epochMs),",
    replace: "enqueuedAt: Math.round((message.enqueuedAt + epochMs) / 1_000),",
    adapter: MEMORY,
    requirement: "contract.identity",
  },
  {
    name: "counts deliveries from zero",
    file: "adapters/memory/queue.ts",
    search: "deliveryCount: countsDeliveries ? message.deliveries : 1,",
    replace: "deliveryCount: countsDeliveries ? message.deliveries - 1 : 1,",
    adapter: MEMORY,
    requirement: "contract.identity",
  },
  {
    name: "cancels another message than the one of the handle",
    file: "adapters/memory/send.ts",
    search: "const message = this.#cancellable.get(brokerId);",
    replace: "const message = [...this.#cancellable.values()][0];",
    adapter: MEMORY,
    requirement: "contract.cancel",
  },
  {
    name: "ignores waitMs",
    file: "adapters/memory/polls.ts",
    search: "Math.min(poll.waitMs ?? this.#longPollMs, this.#longPollMs)",
    replace: "this.#longPollMs",
    adapter: MEMORY,
    requirement: "contract.wait",
  },
  {
    name: "drops no queue",
    file: "adapters/memory/broker.ts",
    search: "for (const each of [name, ...this.#siblings(name)]) {",
    replace: "for (const each of [] as string[]) {",
    adapter: MEMORY,
    requirement: "contract.drop",
  },
  {
    name: "returns the results of a send in reverse order",
    file: "adapters/memory/queue.ts",
    search: "messages.map((message) => this.#enqueuer.accept(message, this.#traits, now));",
    replace: "messages.map((message) => this.#enqueuer.accept(message, this.#traits, now)).toReversed();",
    adapter: MEMORY,
    requirement: "contract.results",
  },
  {
    name: "returns the results of a settlement in reverse order",
    file: "adapters/memory/queue.ts",
    search: "operations.map((operation) => this.#leases.settle(operation, this.#traits, now));",
    replace: "operations.map((operation) => this.#leases.settle(operation, this.#traits, now)).toReversed();",
    adapter: MEMORY,
    requirement: "contract.results",
  },
  {
    name: "shifts the results of SQS by one after a message that is refused locally",
    file: "adapters/sqs/send.ts",
    search: "[entryOf(message, index, fifo)]",
    replace: "[entryOf(message, problems.slice(0, index).filter((one) => one === undefined).length, fifo)]",
    adapter: "sqs",
    requirement: "contract.results",
  },
  {
    name: "returns a handle for delayed messages only",
    file: "adapters/memory/send.ts",
    search: "return this.#accepted(brokerId, cancellable);",
    replace: "return this.#accepted(brokerId, cancellable && delayMs > 0);",
    adapter: MEMORY,
    requirement: "contract.cancel",
  },
  {
    name: "settles after its close",
    file: "adapters/memory/source.ts",
    search: 'if (this.#closed) throw this.#permanent("was closed before this settlement");',
    replace: "",
    adapter: MEMORY,
    requirement: "contract.closed",
  },
  {
    name: "counts the end of a lease and of a delay at the next poll only",
    file: "adapters/memory/queue.ts",
    search: "this.#advance();\n    const asOf = this.#context.clock.now();",
    replace: "const asOf = this.#context.clock.now();",
    adapter: MEMORY,
    requirement: "contract.counts",
  },
  {
    name: "reports a missing queue as permanent",
    file: "adapters/memory/broker.ts",
    search: 'throw new DriverError("not_found", ',
    replace: 'throw new DriverError("permanent", ',
    adapter: "memory-sqs",
    requirement: "contract.errors",
  },
];
