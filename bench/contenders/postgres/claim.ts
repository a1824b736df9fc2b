import { Client } from "pg";
import { postgres } from "../../../adapters/postgres/index.ts";
import { type Count, options, percentiles, report } from "../measure.ts";

/** Claims and acknowledges ten messages, beside messages that are not due. */
const { address, delayed, warmUp, messages } = options() as Count & {
  readonly address: string;
  readonly delayed: number;
};
const client = new Client({ connectionString: address });
await client.connect();
if (delayed > 0)
  await client.query(
    `INSERT INTO queueport.message (queue, visible_at, body)
     SELECT q.id, clock_timestamp() + interval '1 day', '{}' FROM queueport.queue q, generate_series(1, $1::int) WHERE q.name = 'bench'`,
    [delayed],
  );
await client.query("VACUUM ANALYZE queueport.message");
await client.end();

const { signal } = new AbortController();
const driver = postgres({ url: address, listen: false });
const source = driver.open("bench", { prefetch: 10, leaseMs: 30_000 });
const batch = Array.from({ length: 10 }, () => ({ body: "{}", attributes: {}, delayMs: 0 }));
const times: number[] = [];
for (let round = 0; round < warmUp + messages; round += 1) {
  await driver.send("bench", batch, signal);
  const startedAt = performance.now();
  const deliveries = await source.next(10, signal);
  await source.settle(deliveries.map((delivery) => ({ kind: "ack", delivery })));
  if (round >= warmUp) times.push(performance.now() - startedAt);
}
report(percentiles(times));
