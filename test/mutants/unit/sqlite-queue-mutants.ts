import type { UnitMutant } from "./unit-mutant.ts";

const QUEUES = ["sqlite/queue"];

/** Faults of the queues in an SQLite file. */
export const sqliteQueueMutants: readonly UnitMutant[] = [
  {
    name: "a message is claimed behind one of its key that waits",
    file: "adapters/sqlite/queue/key-queues.ts",
    search: "const taken = front.slice(0, blockedAt === -1 ? most : Math.min(most, blockedAt));",
    replace: "const taken = front.filter(({ visible_at: at }) => at <= now).slice(0, most);",
    tests: QUEUES,
  },
  {
    name: "a settlement of a former claim of the key applies",
    file: "adapters/sqlite/queue/key-queues.ts",
    search: "if (held === 1) this.#connection.run(SQL.letGo, id);",
    replace: "if (held === 2) this.#connection.run(SQL.letGo, id);",
    tests: QUEUES,
  },
  {
    name: "a key is free as soon as its head is settled",
    file: "adapters/sqlite/queue/key-queues.ts",
    search: "const at = leases.length === 0 ? first.visible_at : Math.max(...leases);",
    replace: "const at = Math.min(first.visible_at, 0);",
    tests: QUEUES,
  },
  {
    name: "the numbers of messages are used again",
    file: "adapters/sqlite/queue/message-table.ts",
    search: "SET value = value + ? WHERE name = 'last_id'",
    replace: "SET value = (SELECT coalesce(max(id), 0) FROM queueport_message) + ? WHERE name = 'last_id'",
    tests: QUEUES,
  },
  {
    name: "ids that were seen are kept for ever",
    file: "adapters/sqlite/queue/message-table.ts",
    search: "if (dedupMs > 0) this.#connection.run(SQL.forget, now, 2 * messages.length);",
    replace: "",
    tests: QUEUES,
  },
  {
    name: "a file that was deleted is written on",
    file: "adapters/sqlite/queue/queue-file.ts",
    search: "    this.#file?.check();\n    // A transaction of",
    replace: "    // A transaction of",
    tests: QUEUES,
  },
  {
    name: "a message that was delivered before can be cancelled",
    file: "adapters/sqlite/queue/message-table.ts",
    search: "WHERE id = ? AND deliveries = 0 AND visible_at > ?",
    replace: "WHERE id = ? AND deliveries >= 0 AND visible_at > ?",
    tests: QUEUES,
  },
  {
    name: "a drop leaves the messages with keys",
    file: "adapters/sqlite/queue/message-table.ts",
    search: "SQL.dropKeyedMessages,",
    replace: "",
    tests: QUEUES,
  },
];
