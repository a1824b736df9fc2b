import { Worker } from "../../../worker/worker.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectInfo, listDeadLetters, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectAtLeast, expectAtMost, expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsClock } from "../../kit/skips.ts";
import { never } from "../../kit/source.ts";
import type { TestClient } from "../../kit/test-client.ts";

const HOUR_MS = 3_600_000;
/** Longest interval at first between two deliveries of a message of an unknown type, with a reserve. */
const RETURN_MS = 15_000;

/** Creates a worker that knows one type and records the attempt of each run. */
function workerOf(
  context: CaseContext,
  { queue }: TestClient,
  type: string,
  unknownTypeMaxAgeMs: number,
): { readonly worker: Worker; readonly attempts: readonly number[] } {
  const attempts: number[] = [];
  const worker = new Worker(queue, { leaseMs: context.leaseMs, unknownTypeMaxAgeMs });
  worker.register(type, (_message, { attempt }) => {
    attempts.push(attempt);
  });
  return { worker, attempts };
}

const waits = defineCase({
  requirement: "failure.unreadable",
  name: "a message of an unknown type waits for a worker that knows the type, and uses up no attempt",
  // Its result depends on a few seconds, which a busy server would delay.
  alone: true,
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const older = workerOf(context, client, "old", HOUR_MS);
    const newer = workerOf(context, client, "new", HOUR_MS);
    const patienceMs = RETURN_MS + context.timing.patienceMs;
    const releasedAt: number[] = [];
    older.worker.on("released", () => releasedAt.push(context.now()));

    const receiver = client.work(queue, older.worker);
    await client.queue.send(queue, { ...job(), type: "new", maxAttempts: 1 });
    await context.waitUntil("two releases", () => releasedAt.length >= 2, patienceMs);
    await receiver.stop();
    client.work(queue, newer.worker);
    await context.waitUntil("the run", () => newer.attempts.length > 0, patienceMs);

    const [first, second] = releasedAt as [number, number];
    expectAtLeast("milliseconds between two releases", second - first, 4_500);
    expectEqual("attempts on the old worker", older.attempts, []);
    expectEqual("attempts on the new worker", newer.attempts, [1]);
  },
});

const growingIntervals = defineCase({
  requirement: "failure.unreadable",
  name: "a message of an unknown type is redelivered at growing intervals",
  skip: needsClock("an hour"),
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const { worker } = workerOf(context, client, "old", 24 * HOUR_MS);
    let releases = 0;
    worker.on("released", () => {
      releases += 1;
    });

    client.work(queue, worker);
    await client.queue.send(queue, { ...job(), type: "new" });
    await context.pass(HOUR_MS);

    expectAtLeast("releases in an hour", releases, 10);
    expectAtMost("releases in an hour", releases, 40);
    expectEqual("dead letters", await listDeadLetters(context, client, queue), []);
  },
});

const tooOld = defineCase({
  requirement: "failure.unreadable",
  name: "a message whose type stays unknown for too long is dead-lettered as unknown_type",
  async run(context) {
    const maxAgeMs = context.timing.unitMs;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const { worker, attempts } = workerOf(context, client, "old", maxAgeMs);

    const startedAt = context.now();
    const { id } = await client.queue.send(queue, { ...job(), type: "new" });
    client.work(queue, worker);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectEqual("the id of the dead letter", deadLetter.id, id);
    expectInfo(deadLetter, { reason: "unknown_type", source: queue, attempts: 0 });
    const ageMs = deadLetter.info.at.getTime() - startedAt;
    expectAtLeast("milliseconds before the dead letter", ageMs, maxAgeMs - context.timing.earlyMs);
    expectEqual("attempts on the worker", attempts, []);
  },
});

const fromTheFuture = defineCase({
  requirement: "failure.unreadable",
  name: "a message whose type is unknown since a time in the future is dead-lettered as unknown_type",
  async run(context) {
    const maxAgeMs = context.timing.unitMs;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const { worker } = workerOf(context, client, "old", maxAgeMs);
    const since = String(Number.MAX_SAFE_INTEGER);
    const attributes = { type: "new", qp_unknown_since: since };
    const body = JSON.stringify(job());

    const [sent] = await client.driver.send(
      queue,
      [{ body, attributes, delayMs: 0, dedupId: "future" }],
      never,
    );
    expectEqual("the send", sent?.ok, true);
    client.work(queue, worker);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectInfo(deadLetter, { reason: "unknown_type", source: queue, attempts: 0 });
  },
});

export const unknownTypeCases: readonly ConformanceCase[] = [waits, growingIntervals, tooOld, fromTheFuture];
