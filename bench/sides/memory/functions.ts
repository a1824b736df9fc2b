import fastq from "fastq";
import PQueue from "p-queue";
import { Meter, options, tell } from "../side.ts";

/**
 * Bare functions, run by a queue of functions: no message, no lease, no attempt. All are handed over at once, as
 * nothing holds their callers up, and waited for.
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
tell(await meter.done);

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
