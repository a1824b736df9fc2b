import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import { jobTypes } from "./config.ts";
import { ALL_KEPT, oraclesOf } from "./oracles.ts";
import { Stage } from "./stage.ts";

const JOBS = 3;

const BACKENDS = {
  sqs: "an SQS FIFO queue",
  "service-bus": "a Service Bus queue with sessions",
};

test.for(Object.entries(BACKENDS))(
  "a job that is retried from its record within the deduplication window runs, and only once, on %s",
  ([backend, title]) =>
    withBackend(backend, async ({ adapter }) => {
      const stage = await Stage.open(adapter, { isOrdered: true });
      try {
        const { traits } = await stage.queue.describe(stage.name);
        expect(traits).toMatchObject({ ordering: "by_key" });
        expect(traits.dedupWindowMs).toBeGreaterThanOrEqual(60_000);
        const ids: string[] = [];
        for (let key = 0; key < JOBS; key += 1) {
          const message = { type: jobTypes.broken, payload: { key }, orderingKey: `key-${key}` };
          ids.push((await stage.jobs.send(message, { queue: stage.name })).id);
        }
        stage.start({ role: "worker" });
        const areFailed = (runs: number) => async (): Promise<boolean> => {
          const { total } = await stage.jobs.list({ status: "failed", limit: 1 });
          return total === JOBS && (await stage.count("began")) >= runs * JOBS;
        };
        await stage.until("all jobs have failed", areFailed(1));
        // Twice, since each retry has to differ from the first message, and from the retry before.
        await retry(stage, ids);
        await stage.until("all jobs have failed again", areFailed(2));
        for (const id of ids) stage.mend(id);
        await retry(stage, ids);
        await stage.until("all jobs are completed", async () => {
          const { total } = await stage.jobs.list({ status: "completed", limit: 1 });
          return total === JOBS;
        });
        await stage.untilOver();
        // The dead letters of the runs that failed are older than the job: none of them runs it again.
        const { redriven } = await stage.queue.deadLetters(stage.name).redrive();
        expect(redriven).toBe(2 * JOBS);
        await stage.untilOver();
        expect(await stage.count("began")).toBe(3 * JOBS);
        expect(
          await oraclesOf(`retries on ${title}`, stage, new Map(ids.map((id) => [id, "completed"]))),
        ).toEqual(ALL_KEPT);
      } finally {
        await stage.close();
      }
    }),
);

/** Retries the jobs: by an operator that dies as soon as the message of the first is sent, and by another one. */
async function retry(stage: Stage, [first = "", ...others]: readonly string[]): Promise<void> {
  const doomed = stage.start({ role: "operator", retries: [first], crash: "redriven", isCertain: true });
  expect(await doomed.ended).toBe("killed");
  expect(await stage.start({ role: "operator", retries: others }).ended).toBe("stopped");
}
