import { expect, test } from "vitest";
import { withBackend } from "../backends.ts";
import type { AdapterConfig } from "../config.ts";
import { jobTypes } from "./config.ts";
import { ALL_KEPT, oraclesOf } from "./oracles.ts";
import { Stage } from "./stage.ts";

const JOBS = 30;
/** Keys of production are this much higher. */
const APART = 1_000;
const MAX_DELAY_MS = 2_000;
/** Jobs that a worker has begun when it is killed. */
const BEFORE_KILL = 5;

test("two deployments on one job store, whose jobs have the same ids, run their own jobs and no others", () =>
  withBackend("sqs", async ({ adapter }) => {
    const staging = await Stage.open(prefixed(adapter, "staging-"), { namespace: "staging" });
    const { directory, name } = staging;
    const prod = await Stage.open(prefixed(adapter, "prod-"), { namespace: "prod", directory, name });
    try {
      await Promise.all([play(staging, 0), play(prod, APART)]);
      const expected = new Map(idsOf().map((id) => [id, "completed" as const]));
      const found = {
        staging: await oraclesOf("two namespaces, staging", staging, expected),
        prod: await oraclesOf("two namespaces, prod", prod, expected),
      };
      const crossed = (await staging.log()).flatMap((event) =>
        event.kind === "began" && event.key >= APART !== prod.has(event.process)
          ? [`job ${event.key} ran in the other deployment`]
          : [],
      );
      expect(crossed).toEqual([]);
      expect(found).toEqual({ staging: ALL_KEPT, prod: ALL_KEPT });
    } finally {
      await prod.close();
      await staging.close();
    }
  }));

/** Sends the jobs of one deployment, and runs them in two workers, of which one is killed. */
async function play(stage: Stage, apart: number): Promise<void> {
  const doomed = stage.start({ role: "worker" });
  const dead = stage.until(
    "a worker has begun some jobs",
    async () => (await stage.count("began", doomed)) >= BEFORE_KILL,
  );
  const sending = idsOf().map((id, number) => {
    const message = { type: jobTypes.plain, payload: { key: apart + number }, id, maxAttempts: 50 };
    // Two of three are sent by the dispatcher of a worker, which looks into the store of both.
    const delay = number % 3 === 0 ? undefined : (number * 311) % MAX_DELAY_MS;
    return stage.jobs.send(message, { queue: stage.name, delay });
  });
  await Promise.all([...sending, dead]);
  doomed.child.kill("SIGKILL");
  stage.start({ role: "worker" });
  await stage.untilOver();
}

function idsOf(): string[] {
  return Array.from({ length: JOBS }, (_, number) => `order-${number}`);
}

function prefixed({ options, ...adapter }: AdapterConfig, prefix: string): AdapterConfig {
  return { ...adapter, options: { ...options, prefix } };
}
