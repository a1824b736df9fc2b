import fastq from "fastq";
import PQueue from "p-queue";
import { Meter, options, report } from "../measure.ts";

/**
 * Runs plain functions through an in-process queue, without messages, leases or attempts. All calls are queued at once,
 * because nothing limits the callers, and then awaited.
 */
const { by, concurrency, warmUp, messages } = options() as {
  readonly by: "p-queue" | "fastq";
  readonly concurrency: number;
  readonly warmUp: number;
  readonly messages: number;
};
const meter = new Meter({ warmUp, messages });

async function work(): Promise<void> {
  meter.count();
}

const run = by === "p-queue" ? byPQueue() : byFastq();
await all(warmUp);
await all(messages);
report(await meter.done);

async function all(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, number) => run(number)));
}

function byPQueue(): (number: number) => Promise<void> {
  const queue = new PQueue({ concurrency });
  return () => queue.add(work);
}

function byFastq(): (number: number) => Promise<void> {
  const queue = fastq.promise<number, void>(work, concurrency);
  return (number) => queue.push(number);
}
