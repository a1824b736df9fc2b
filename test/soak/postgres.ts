import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { postgres } from "../../adapters/postgres/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { createDatabase } from "../support/postgres-database.ts";
import { requireServer } from "../support/servers/find-server.ts";
import { embeddedPostgres } from "../support/servers/postgres-server.ts";

/*
 * Sends and handles jobs at a constant rate, and samples the tables. Dead rows, the size of the tables and the time of a claim
 * must be level: their medians in the last third are compared with those in the second one. Exits with 1 if they are not,
 * or if a job was lost.
 */

interface Sample {
  readonly dead: number;
  readonly mib: number;
  readonly claimMs: number;
}

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "500" },
  },
});
const [endAt, rate] = [Date.now() + Number(values.minutes) * 60_000, Number(values.rate)];
/** A third may be this much above the one before, since autovacuum works in waves. */
const LEVEL = 1.5;
const TICK_MS = 100;
const SAMPLE_MS = 2_000;

// A server of its own, since one of a machine for tests may have no autovacuum.
const server = (await embeddedPostgres()) ?? (await requireServer("postgres"));
const database = await createDatabase(server.url);
const queue = createQueue(postgres({ url: database.url }));
await queue.ensure("soak");
await queue.ensure("probe");

const stop = new AbortController();
const sent = new Set<string>();
let handled = 0;
const receiving = queue.receive(
  "soak",
  async ({ id }) => {
    if (sent.delete(id)) handled += 1;
  },
  { concurrency: 200, signal: stop.signal },
);
const samples: Sample[] = [];
const sampling = sample();
let count = 0;
while (Date.now() < endAt) {
  const startedAt = Date.now();
  const batch = Array.from({ length: (rate * TICK_MS) / 1_000 }, () => {
    count += 1;
    const id = `job-${count}`;
    sent.add(id);
    return { id, type: "job", payload: { text: "x".repeat(200) } };
  });
  // One in ten waits, as retries and delays do.
  await Promise.all([
    queue.sendBatch("soak", batch.slice(batch.length / 10)),
    ...batch.slice(0, batch.length / 10).map((job) => queue.sendDelayed("soak", job, 5_000)),
  ]);
  await sleep(Math.max(0, TICK_MS - (Date.now() - startedAt)));
}
for (let tries = 0; sent.size > 0 && tries < 300; tries += 1) await sleep(100);
stop.abort();
await Promise.all([receiving, sampling]);
await queue.close();
await database.drop();
await server.close();

const third = Math.floor(samples.length / 3);
const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
let isLevel = true;
for (const figure of ["dead", "mib", "claimMs"] as const) {
  const [before, after] = [medianOf(middle, figure), medianOf(last, figure)];
  // A few thousand dead rows are those of the moment.
  const holds = after <= LEVEL * Math.max(before, figure === "dead" ? 4_000 : 0.1);
  isLevel &&= holds;
  console.log(`${figure}: ${before.toFixed(2)}, then ${after.toFixed(2)}: ${holds ? "level" : "RISES"}`);
}
console.log(`${handled} of ${count} jobs handled, ${sent.size} lost`);
process.exitCode = isLevel && sent.size === 0 ? 0 : 1;

async function sample(): Promise<void> {
  while (!stop.signal.aborted) {
    const { rows } = await database.query(
      `SELECT n_dead_tup::int AS dead, pg_total_relation_size('queueport.message') / 1048576.0 AS mib
       FROM pg_stat_user_tables WHERE schemaname = 'queueport' AND relname = 'message'`,
    );
    const startedAt = performance.now();
    await database.query("SELECT * FROM queueport.claim('probe', 10, 1000, '{1}', false)");
    samples.push({ dead: rows[0].dead, mib: Number(rows[0].mib), claimMs: performance.now() - startedAt });
    await sleep(SAMPLE_MS);
  }
}

function medianOf(some: readonly Sample[], figure: keyof Sample): number {
  return some.map((one) => one[figure]).toSorted((one, other) => one - other)[some.length >> 1] ?? 0;
}
