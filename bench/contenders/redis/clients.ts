import { createClient } from "@redis/client";
import BeeQueue from "bee-queue";
import { Queue as BullQueue, Worker as BullWorker } from "bullmq";
import { redis } from "../../../adapters/redis/index.ts";
import { createQueue } from "../../../src/index.ts";
import { messageOf, payloadOf, startWorker } from "../job.ts";

export type By = "queueport" | "bullmq" | "bee-queue";

/** One way to send and handle jobs in Redis. */
export interface Client {
  send(number: number): Promise<unknown>;
  /** Sends many at once, outside of what is measured. */
  fill(count: number): Promise<unknown>;
  /** Handles jobs until the process ends. */
  work(concurrency: number, handle: () => void): void;
}

/** Jobs that one call of `fill` sends at once. */
const CHUNK = 1_000;

/**
 * Empties the server, so that nothing of the run before is left, and opens a client.
 * @param address the port of the server
 */
export async function openClient(by: By, address: string): Promise<Client> {
  const server = createClient({ url: `redis://127.0.0.1:${address}` });
  await server.connect();
  await server.sendCommand(["FLUSHALL", "SYNC"]);
  server.destroy();
  return { queueport, bullmq, "bee-queue": beeQueue }[by](Number(address));
}

function queueport(port: number): Client {
  const queue = createQueue(redis({ url: `redis://127.0.0.1:${port}` }));
  return {
    send: (number) => queue.send("bench", messageOf(number)),
    fill: (count) =>
      inChunks(count, (from, size) =>
        queue.sendBatch(
          "bench",
          Array.from({ length: size }, (_, index) => messageOf(from + index)),
        ),
      ),
    work: (concurrency, handle) => void startWorker(queue, concurrency, async () => handle()),
  };
}

function bullmq(port: number): Client {
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
  const queue = new BullQueue("bench", { connection });
  const options = { removeOnComplete: true };
  return {
    send: (number) => queue.add("bench_job", payloadOf(number), options),
    fill: (count) =>
      inChunks(count, (from, size) =>
        queue.addBulk(
          Array.from({ length: size }, (_, index) => ({
            name: "bench_job",
            data: payloadOf(from + index),
            opts: options,
          })),
        ),
      ),
    work(concurrency, handle) {
      const worker = new BullWorker("bench", async () => handle(), { connection, concurrency });
      worker.on("error", (error) => {
        throw error;
      });
    },
  };
}

function beeQueue(port: number): Client {
  const settings = { redis: { host: "127.0.0.1", port }, removeOnSuccess: true, storeJobs: false };
  const queue = new BeeQueue("bench", settings);
  const jobOf = (number: number) => queue.createJob(payloadOf(number));
  return {
    send: (number) => jobOf(number).save(),
    fill: (count) =>
      inChunks(count, (from, size) =>
        queue.saveAll(Array.from({ length: size }, (_, index) => jobOf(from + index))),
      ),
    work: (concurrency, handle) => queue.process(concurrency, async () => handle()),
  };
}

async function inChunks(
  count: number,
  send: (from: number, size: number) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) await send(from, Math.min(CHUNK, count - from));
}
