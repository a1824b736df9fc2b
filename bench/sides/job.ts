import { z } from "zod";
import { type JobDefinition, type NewMessage, type Queue, Worker } from "../../src/index.ts";
import { createMetrics } from "../../src/metrics/index.ts";
import { after } from "./side.ts";

/** An envelope of it has about 200 bytes. */
export interface Payload {
  readonly number: number;
  readonly user: string;
  readonly email: string;
}

export function payloadOf(number: number): Payload {
  return { number, user: "u-81723", email: "ada.lovelace@example.com" };
}

/** How long a handler takes: not at all, 10 ms, or 10 ms with one of 1 s in twenty. */
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

const job: JobDefinition<Payload> = {
  type: "bench_job",
  schema,
  message: (payload) => ({ type: "bench_job", payload, schema }),
};

export function messageOf(number: number): NewMessage<Payload> {
  return job.message(payloadOf(number));
}

/** A worker as a user has it: payloads validated, events listened to, metrics kept. */
export function startWorker(
  queue: Queue,
  concurrency: number,
  handle: (payload: Payload) => Promise<void>,
): { readonly worker: Worker; readonly working: Promise<void>; readonly completed: () => number } {
  createMetrics({ only: queue });
  let completed = 0;
  const worker = new Worker(queue, { concurrency });
  worker.register(job, ({ payload }) => handle(payload));
  worker.on("completed", () => (completed += 1));
  worker.on("dead_lettered", ({ error }) => {
    throw error;
  });
  return { worker, working: worker.run("bench"), completed: () => completed };
}
