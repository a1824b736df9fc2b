import { once } from "node:events";
import { openJobs } from "../../adapters/open.ts";
import { onSignals } from "../../cmd/lib/signals.ts";
import { describeError, isQueueError } from "../../src/errors.ts";
import { createMetrics, type Metrics } from "../../src/metrics/index.ts";
import { type JobsApi, jobsApi, serveApi } from "../../web/api/index.ts";
import { Client, type JobRecord } from "./client.ts";
import { createWorker } from "./handlers.ts";
import { definitions, queues } from "./jobs.ts";
import { type Options, readOptions } from "./options.ts";
import { carryOut, plan } from "./scenario.ts";
import { bars, lines } from "./view.ts";

/** Time in which all jobs end. The demo gives up when it is over. */
const PATIENCE_MS = 90_000;
const names = Object.values(queues);

try {
  process.exitCode = await demo(await readOptions());
} catch (error) {
  process.stderr.write(`demo:jobs: ${describeError(error)}\n`);
  process.exitCode = isQueueError(error, "config") ? 2 : 1;
}

/** Serves the API, runs the worker, and follows every job to its end. Returns the exit code. */
async function demo({ config, port, stageMs, json, stay }: Options): Promise<number> {
  const stream = json ? process.stderr : process.stdout;
  const print = (line: string): void => void stream.write(`${line}\n`);
  const jobs = await openJobs(config, { definitions, migrate: true });
  const metrics = createMetrics({ stats: { queue: jobs.queue, names }, jobs: { jobs } });
  try {
    for (const name of names) {
      await jobs.queue.ensure(name).catch((error: unknown) => {
        if (!isQueueError(error, "not_supported")) throw error;
      });
    }
    await using server = await serveApi(withMetrics(jobsApi(jobs, { open: true }), metrics), { port });
    const worker = createWorker(jobs, stageMs);
    await worker.start(names);
    using interrupt = onSignals(() =>
      process.stderr.write("\ndraining; press Ctrl-C again to exit at once\n"),
    );
    print(`queueport demo:jobs on ${jobs.queue.provider}, records in ${jobs.store.name}`);
    print(`the API is at ${server.url}/api/v1/jobs`);

    const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const client = new Client(server.url);
    const view = stream.isTTY ? bars(stream, plan.length) : lines(stream);
    const records = await Promise.all(
      plan.map((job, index) => carryOut(client, job, (record) => view.show(record, index), signal)),
    ).finally(() => view.close());

    if (stay && !interrupt.signal.aborted) {
      print("all jobs are over; the API stays until Ctrl-C");
      await once(interrupt.signal, "abort");
    }
    await worker.stop();
    const sums = sumsOf(records);
    if (json) process.stdout.write(`${JSON.stringify(sums)}\n`);
    else
      print(
        `${sums.sent} sent = ${sums.completed} completed + ${sums.failed} failed + ${sums.cancelled} cancelled`,
      );
    if (!stay && interrupt.signal.aborted) return 130;
    return sums.completed + sums.failed + sums.cancelled === sums.sent ? 0 : 1;
  } finally {
    metrics.close();
    await jobs.close();
  }
}

/** Serves the metrics next to the API. */
function withMetrics(api: JobsApi, { registry }: Metrics): JobsApi {
  return async (request) => {
    if (new URL(request.url).pathname !== "/metrics") return api(request);
    return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
  };
}

interface Sums {
  readonly sent: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
}

function sumsOf(records: readonly JobRecord[]): Sums {
  const count = (status: string): number => records.filter((job) => job.status === status).length;
  return {
    sent: records.length,
    completed: count("completed"),
    failed: count("failed"),
    cancelled: count("cancelled"),
  };
}
