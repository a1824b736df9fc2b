import { claimFunction } from "./claim-function.ts";
import type { SchemaPart } from "./migrate.ts";
import { queueTables } from "./queue-tables.ts";
import { sendFunctions } from "./send-functions.ts";
import { settleFunctions } from "./settle-functions.ts";
import { statsFunction } from "./stats-function.ts";

/** The channel on which processes tell each other of new messages. */
export function channelOf(schema: string): string {
  return `${schema}_messages`;
}

/** The schema of queues: its tables, and the functions that send, claim, settle and count. */
export const queueSchema: SchemaPart = {
  name: "queue",
  migrations: [
    {
      name: "queues and messages",
      sql: (quoted) =>
        [
          queueTables(quoted),
          sendFunctions(quoted, channelOf(quoted.slice(1, -1))),
          claimFunction(quoted),
          settleFunctions(quoted),
          statsFunction(quoted),
        ].join(""),
    },
  ],
};
