import type { ContractMutant } from "./contract-mutant.ts";

const SQLITE = "sqlite";

/** Faults of the queues in an SQLite file, which the transaction of an application can contain. */
export const sqliteMutants: readonly ContractMutant[] = [
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
];
