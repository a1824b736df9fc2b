import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate } from "node:timers/promises";
import { Worker } from "../../../worker/worker.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import type { CaseContext } from "../../kit/case-context.ts";
import { expectAtLeast, expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import type { TestClient } from "../../kit/test-client.ts";

const JOBS = 12;

const ofReceive = defineCase({
  requirement: "delivery.async_context",
  name: "each handler begins in the asynchronous context of the caller of receive, whatever other jobs and senders have in theirs",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const record = (): void => void seen.push(storage.getStore());
    const inbox = context.inbox();
    const handler = inbox.handler(async ({ message }) => {
      record();
      // As a library does that keeps the tenant of a job: for the rest of this handler, and for what it begins.
      storage.enterWith(`job ${message.id}`);
      await setImmediate();
      if (message.payload === 1) await client.queue.send(queue, job(2));
      await setImmediate();
      // A retry, a lost slot and an acknowledgement begin in the context of a job as well.
      if (message.payload === 3 && inbox.count(message.id) === 1) throw new Error("a first run");
    });

    storage.run("receiver", () => {
      client.receive(queue, handler, {
        concurrency: 3,
        backoff: { baseMs: 0 },
        onEvent: ({ event }) => {
          if (event !== "polled") record();
        },
      });
    });
    await sendInStores(context, client, queue, storage);
    await inbox.waitForMessages(JOBS + JOBS / 3);
    await inbox.waitForRuns(JOBS + (2 * JOBS) / 3);

    expectEqual("contexts", [...new Set(seen)], ["receiver"]);
    expectAtLeast("records", seen.length, 2 * JOBS);
  },
});

const ofWorker = defineCase({
  requirement: "delivery.async_context_worker",
  name: "the handlers, middleware and listeners of a worker begin in the asynchronous context of the caller of run",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const record = (): void => void seen.push(storage.getStore());
    const worker = new Worker(client.queue, { concurrency: 3, leaseMs: context.leaseMs });
    let completed = 0;
    worker.use(async ({ message }, next) => {
      record();
      storage.enterWith(`middleware of ${message.id}`);
      await next();
    });
    worker.register(job(0).type, async (message) => {
      storage.enterWith(`job ${message.id}`);
      await setImmediate();
      if (message.payload === 1) await client.queue.send(queue, job(2));
    });
    worker.on("started", () => record());
    worker.on("completed", () => {
      record();
      completed += 1;
    });

    storage.run("worker", () => client.work(queue, worker));
    await sendInStores(context, client, queue, storage);
    await context.waitUntil("the end of every job", () => completed >= JOBS + JOBS / 3);

    expectEqual("contexts", [...new Set(seen)], ["worker"]);
    expectAtLeast("records", seen.length, 3 * JOBS);
  },
});

/** Sends jobs with the payloads 1, 2 and 3 in turn, each in a context of its own. */
async function sendInStores(
  context: CaseContext,
  client: TestClient,
  queue: string,
  storage: AsyncLocalStorage<string>,
): Promise<void> {
  const sending = Array.from({ length: JOBS }, (_, index) =>
    storage.run(`sender ${index}`, async () => {
      await client.queue.send(queue, job(1 + (index % 3)));
    }),
  );
  await context.waitFor("the sends", Promise.all(sending));
}

export const asyncContextCases: readonly ConformanceCase[] = [ofReceive, ofWorker];
