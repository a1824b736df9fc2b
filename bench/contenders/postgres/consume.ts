import { startWorker } from "../job.ts";
import { type Count, Meter, options, report } from "../measure.ts";
import { type At, openBoss, openQueueport, runGraphile } from "./clients.ts";

/** Consumes a backlog. */
const {
  by,
  address,
  concurrency = 1_000,
  ...extent
} = options() as At & Count & { readonly concurrency?: number };
const meter = new Meter(extent);
if (by === "queueport") startWorker(openQueueport({ address }), concurrency, async () => meter.count());
else if (by === "graphile") await runGraphile(address, meter.count, true);
else {
  const boss = await openBoss(address);
  for (let loops = 0; loops < 2; loops += 1) void fetchAndComplete(boss);
}
report(await meter.done);

async function fetchAndComplete(boss: Awaited<ReturnType<typeof openBoss>>): Promise<never> {
  for (;;) {
    const jobs = await boss.fetch("bench", { batchSize: 500 });
    for (const _ of jobs) meter.count();
    await boss.complete(
      "bench",
      jobs.map(({ id }) => id),
    );
  }
}
