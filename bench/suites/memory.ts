import type { Contest, Side } from "../run/contest.ts";

const PEERS = ["p-queue", "fastq"] as const;
/** More than elsewhere: they are short, and what else the machine does is seen in them most. */
const ROUNDS = 9;
/** Its sides differ most in what they suffer from others, and its bar is close. */
const ROUNDS_BESIDE_REDIS = 13;

/** One process: what our layer itself costs. */
export function memory(quick: boolean): readonly Contest[] {
  return quick ? [pipeline(100, 3), heap()] : [pipeline(100, ROUNDS), redis(), heap()];
}

function heap(): Contest {
  const messages = 1_000_000;
  return {
    name: "Memory, what a million messages leave on the heap",
    shown: "mib",
    rounds: 1,
    sides: [{ name: "queueport", file: "memory/heap", settings: [{ messages }], execArgv: ["--expose-gc"] }],
    bars: [{ name: "heap after a million messages, MiB above before", figure: "mib", atMost: 20 }],
  };
}

function pipeline(concurrency: number, rounds: number): Contest {
  const sizes = { concurrency, warmUp: 100_000, messages: 300_000 };
  const functions = PEERS.map((by): Side => ({
    name: `${by}, bare functions`,
    file: "memory/functions",
    settings: [{ by, ...sizes }],
  }));
  return {
    name: `Memory, whole way of a message, concurrency ${concurrency}`,
    rounds,
    sides: [
      { name: "queueport", file: "memory/whole-queueport", settings: [sizes] },
      ...functions,
      { name: "a message's parts, no queue", file: "memory/parts", settings: [sizes] },
    ],
    bars: [
      { name: "memory pipeline / p-queue", figure: "rate", over: "p-queue, bare functions", atLeast: 1.5 },
      {
        name: "memory pipeline / fastq.promise",
        figure: "rate",
        over: "fastq, bare functions",
        atLeast: 0.8,
      },
    ],
  };
}

function redis(): Contest {
  const sizes = { concurrency: 100, warmUp: 10_000, messages: 30_000 };
  return {
    name: "Memory beside Redis, concurrency 100",
    rounds: ROUNDS_BESIDE_REDIS,
    server: { file: "redis", fill: 0, name: "redis-server", optional: true },
    sides: [
      {
        name: "queueport, in memory",
        file: "memory/whole-queueport",
        settings: [{ ...sizes, warmUp: 100_000, messages: 300_000 }],
      },
      { name: "BullMQ", file: "memory/bullmq", settings: [sizes] },
    ],
    bars: [{ name: "memory pipeline / BullMQ", figure: "rate", over: "BullMQ", atLeast: 15 }],
  };
}
