import { runMigrations } from "graphile-worker";
import { Pool } from "pg";
import { PgBoss } from "pg-boss";
import { postgres } from "../../adapters/postgres/index.ts";
import { encode } from "../../src/message/envelope.ts";
import { completeMessage } from "../../src/message/new-message.ts";
import { createDatabase } from "../../test/support/postgres-database.ts";
import { requireServer } from "../../test/support/servers/find-server.ts";
import { messageOf, payloadOf } from "../contenders/job.ts";
import { answerCommands } from "./server.ts";

/** A database with the tables of every contender. Each run begins with the same messages in all of them. */
const server = await requireServer("postgres");
const database = await createDatabase(server.url);
const { url } = database;
const pool = new Pool({ connectionString: url, max: 2 });
pool.on("error", () => {});
const driver = postgres({ url });
await driver.admin!.ensure("bench", { ordering: "none", brokerMaxDeliveries: 100, leaseMs: 30_000 });
await runMigrations({ connectionString: url });
const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
boss.on("error", () => {});
await boss.start();
await boss.createQueue("bench");

process.on("disconnect", () => {
  void database.drop().then(() => server.close());
});

answerCommands(async ({ fill }) => {
  if (fill !== undefined) {
    await pool.query("TRUNCATE queueport.message");
    await pool.query("DELETE FROM graphile_worker._private_jobs");
    await boss.deleteAllJobs("bench");
    for (let from = 0; from < fill; from += 1_000) await add(from, Math.min(1_000, fill - from));
    await pool.query("VACUUM ANALYZE");
  }
  return { requests: 0, address: url };
});

async function add(from: number, count: number): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => from + index);
  const messages = numbers.map((number) => ({
    ...encode(completeMessage({ ...messageOf(number), schema: undefined }, Date.now())),
    delayMs: 0,
  }));
  await driver.send("bench", messages, new AbortController().signal);
  await pool.query(
    `SELECT graphile_worker.add_jobs(array(
       SELECT json_populate_record(NULL::graphile_worker.job_spec, json_build_object('identifier', 'bench', 'payload', p))
       FROM json_array_elements($1::json) AS p))`,
    [JSON.stringify(numbers.map((number) => payloadOf(number)))],
  );
  await boss.insert(
    "bench",
    numbers.map((number) => ({ data: payloadOf(number) })),
  );
}
