import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { createJobs } from "../../../src/jobs/create-jobs.ts";
import type { Jobs } from "../../../src/jobs/jobs.ts";
import type { JobStore } from "../../../src/jobs/store/job-store.ts";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { faultyJobStore } from "../../../src/jobs/testing/faulty-job-store.ts";
import { jobsApi, serveApi } from "../../../web/api/index.ts";
import { seeded } from "../../support/seeded.ts";
import { email } from "./fixture.ts";

/** Jobs of each test. The campaign sends 10,000. */
const JOBS = process.env["QUEUEPORT_TEST_LONG"] === "1" ? 10_000 : 400;
/** Requests at the same time. */
const CLIENTS = 40;
/** Longest wait between POST and GET. Every other GET follows at once, which is the hardest time. */
const LONGEST_MS = 20;
/** 10,000 jobs take minutes on a busy machine. */
const TIMEOUT_MS = 600_000;

/** A server of the API in front of a store. */
async function serve(store: JobStore): Promise<{ readonly jobs: Jobs; readonly url: string }> {
  const queue = createQueue(memory({ capacity: 2 * JOBS }));
  const definitions = [email];
  const jobs = await createJobs(queue, {
    store,
    namespace: "ns",
    migrate: true,
    definitions,
    onWarning() {},
  });
  const server = await serveApi(jobsApi(jobs, { open: true }), { port: 0 });
  onTestFinished(async () => {
    await server.close();
    await jobs.close();
    await queue.close();
  });
  return { jobs, url: `${server.url}/api/v1/jobs` };
}

/** Runs jobs while they are asked for, so that their records are in every state. */
async function work(jobs: Jobs, random: () => number): Promise<void> {
  const worker = jobs.worker({ concurrency: 20 });
  worker.register(email, async (_, { progress }) => {
    progress(50, "Sending email...");
    await sleep(5 * random());
  });
  await worker.start("emails");
  onTestFinished(() => worker.stop());
}

/** The body and the headers of a POST. Each way to send a job has its own order of queue and record. */
function requestOf(index: number): RequestInit {
  const job = { type: "email", payload: { to: `user-${index}@example.com` } };
  const ways: readonly [body: object, headers?: Record<string, string>][] = [
    [job],
    [{ ...job, id: `order-${index}` }],
    [job, { "idempotency-key": `key-${index}` }],
    [{ ...job, delay_ms: 60_000 }],
  ];
  const [body, headers] = ways[index % ways.length] ?? [job];
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
}

/** Sends all jobs by one server, and gets each from the other. Returns how often there were which two statuses. */
async function sendAndGet(
  sender: string,
  reader: string,
  random: () => number,
): Promise<Record<string, number>> {
  const outcomes: Record<string, number> = {};
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < JOBS) {
      const index = next;
      next += 1;
      const sent = await fetch(sender, requestOf(index));
      const { id } = (await sent.json()) as { readonly id: string };
      if (random() < 0.5) await sleep(LONGEST_MS * random());
      const read = await fetch(`${reader}/${encodeURIComponent(id)}`);
      await read.body?.cancel();
      const outcome = `POST ${sent.status}, GET ${read.status}`;
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return outcomes;
}

/** The store answers late, so that an answer that does not wait for the record is found out. */
function late(store: JobStore, random: () => number): JobStore {
  return faultyJobStore(store, { before: ({ method }) => (method === "apply" ? 10 * random() : undefined) });
}

async function sqlitePath(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "queueport-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return join(folder, "jobs.db");
}

/**
 * The outcomes without those of jobs that were not recorded within a second, as where the machine stands still. They are
 * answered by 202 and `tracked: false`, which promises nothing.
 * @throws Error if these are many
 */
function promisedOf(outcomes: Readonly<Record<string, number>>): readonly string[] {
  const promised = Object.keys(outcomes).filter((outcome) => !outcome.startsWith("POST 202"));
  const count = promised.reduce((sum, outcome) => sum + (outcomes[outcome] ?? 0), 0);
  if (count < 0.9 * JOBS) throw new Error(`too few jobs were recorded: ${JSON.stringify(outcomes)}`);
  return promised;
}

const ALL_FOUND = ["POST 201, GET 200"];

test(
  `GET never answers 404 after POST, in ${JOBS} tries at random delays`,
  async () => {
    const random = seeded(1);
    const { jobs, url } = await serve(memoryJobStore());
    await work(jobs, random);
    expect(promisedOf(await sendAndGet(url, url, random))).toEqual(ALL_FOUND);
  },
  TIMEOUT_MS,
);

test(
  `GET never answers 404 after POST if the store is late, in ${JOBS} tries`,
  async () => {
    const random = seeded(2);
    const { jobs, url } = await serve(late(memoryJobStore(), random));
    await work(jobs, random);
    expect(promisedOf(await sendAndGet(url, url, random))).toEqual(ALL_FOUND);
  },
  TIMEOUT_MS,
);

test(
  `GET from a second server on the same SQLite file never answers 404, in ${JOBS} tries`,
  async () => {
    const random = seeded(3);
    const path = await sqlitePath();
    const sender = await serve(sqliteJobStore({ path }));
    const reader = await serve(sqliteJobStore({ path }));
    await work(sender.jobs, random);
    expect(promisedOf(await sendAndGet(sender.url, reader.url, random))).toEqual(ALL_FOUND);
  },
  TIMEOUT_MS,
);
