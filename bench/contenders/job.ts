import { z } from "zod";
import { type JobDefinition, type NewMessage, type Queue, Worker } from "../../src/index.ts";
import { createMetrics } from "../../src/metrics/index.ts";
import { after } from "./measure.ts";

/** The payload of every message. Its envelope has about 200 bytes. */
export interface Payload {
  readonly number: number;
  readonly user: string;
  readonly email: string;
}

export function payloadOf(number: number): Payload {
  return { number, user: "u-81723", email: "ada.lovelace@example.com" };
}

/** The duration of a handler: 0, 10 ms, or 10 ms with 1 s for one in twenty. */
export type Work = "none" | "short" | "mixed";

export function perform(work: Work, number: number): Promise<void> {
  if (work === "none") return Promise.resolve();
  return after(work === "mixed" && number % 20 === 0 ? 1_000 : 10);
}

export const schema: z.ZodType<Payload, Payload> = z.object({
  number: z.number(),
  user: z.string(),
  email: z.email(),
});

export const job: JobDefinition<Payload> = {
  type: "bench_job",
  schema,
  message: (payload) => ({ type: "bench_job", payload, schema }),
};

export function messageOf(number: number): NewMessage<Payload> {
  return job.message(payloadOf(number));
}

/** Starts a worker as an application has it, with validated payloads, event listeners and metrics. */
export function startWorker(
  queue: Queue,
  concurrency: number,
  handle: (payload: Payload) => Promise<void>,
): Worker {
  createMetrics({ only: queue });
  const worker = new Worker(queue, { concurrency });
  worker.register(job, ({ payload }) => handle(payload));
  worker.on("completed", () => {});
  worker.on("dead_lettered", ({ error }) => {
    throw error;
  });
  void worker.run("bench");
  return worker;
}
