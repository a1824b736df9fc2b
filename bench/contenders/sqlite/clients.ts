import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { buildDBClient, Runner, SqliteQueue } from "liteque";
import { better, defineQueue, defineWorker } from "plainjob";
import { sqlite } from "../../../adapters/sqlite/index.ts";
import { createQueue } from "../../../src/index.ts";
import { messageOf, type Payload, payloadOf, startWorker } from "../job.ts";

export type By = "queueport" | "plainjob" | "liteque";

/** One way to send and handle jobs in an SQLite file. */
export interface Client {
  send(number: number): Promise<unknown>;
  /** Sends many at once, outside of what is measured. */
  fill(count: number): Promise<unknown>;
  /** Handles jobs until the process ends. */
  work(handle: () => void): void;
}

/** A new file, which is removed when the process ends. */
export function newFile(): string {
  const directory = mkdtempSync(join(tmpdir(), "queueport-bench-"));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "queue.db");
}

/** @param synchronous whether a send waits for the disk. liteque leaves that to the operating system */
export function openClient(by: By, synchronous: "full" | "normal", path: string): Client {
  return { queueport, plainjob, liteque }[by](path, synchronous);
}

function queueport(path: string, synchronous: "full" | "normal"): Client {
  const queue = createQueue(sqlite({ path, synchronous }));
  return {
    send: (number) => queue.send("bench", messageOf(number)),
    async fill(count) {
      for (let from = 0; from < count; from += 1_000)
        await queue.sendBatch(
          "bench",
          Array.from({ length: Math.min(1_000, count - from) }, (_, index) => messageOf(from + index)),
        );
    },
    work: (handle) => void startWorker(queue, 100, async () => handle()),
  };
}

const silent = { error: console.error, warn: console.error, info: () => {}, debug: () => {} };

function plainjob(path: string, synchronous: "full" | "normal"): Client {
  const connection = better(new Database(path));
  const queue = defineQueue({ connection, logger: silent });
  connection.pragma(`synchronous = ${synchronous}`);
  return {
    send: async (number) => queue.add("bench_job", payloadOf(number)),
    async fill(count) {
      queue.addMany(
        "bench_job",
        Array.from({ length: count }, (_, number) => payloadOf(number)),
      );
    },
    work: (handle) =>
      void defineWorker("bench_job", async () => handle(), {
        queue,
        logger: silent,
        pollIntervall: 10,
      }).start(),
  };
}

function liteque(path: string): Client {
  const client = buildDBClient(path, { runMigrations: true });
  const queue = new SqliteQueue<Payload>("bench", client, {
    defaultJobArgs: { numRetries: 2 },
    keepFailedJobs: false,
  });
  return {
    send: (number) => queue.enqueue(payloadOf(number)),
    async fill(count) {
      for (let number = 0; number < count; number += 1) await queue.enqueue(payloadOf(number));
    },
    work: (handle) =>
      void new Runner(
        queue,
        { run: async () => handle() },
        { concurrency: 100, pollIntervalMs: 10, timeoutSecs: 30 },
      ).run(),
  };
}
