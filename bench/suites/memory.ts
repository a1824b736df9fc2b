import type { Benchmark, Contender } from "../run/benchmark.ts";

const PEERS = ["p-queue", "fastq"] as const;
/** More rounds than elsewhere, because these are short and other load on the machine affects them most. */
const ROUNDS = 9;
/** More rounds still: other load affects the two contenders differently, and the ratio is close to the threshold. */
const ROUNDS_WITH_REDIS = 13;

/** The cost of our own layer, measured in one process. */
export function memory(quick: boolean): readonly Benchmark[] {
  return quick
    ? [pipeline(100, 3), tracked(3), heap()]
    : [pipeline(100, ROUNDS), tracked(ROUNDS), sqlite(), redis(), heap()];
}

function heap(): Benchmark {
  const messages = 1_000_000;
  return {
    name: "Memory, heap growth after a million messages",
    shown: "mib",
    rounds: 1,
    contenders: [
      { name: "queueport", file: "memory/heap", settings: [{ messages }], execArgv: ["--expose-gc"] },
    ],
    thresholds: [{ name: "heap growth after a million messages, MiB", figure: "mib", atMost: 20 }],
  };
}

function pipeline(concurrency: number, rounds: number): Benchmark {
  const sizes = { concurrency, warmUp: 100_000, messages: 300_000 };
  const functions = PEERS.map((by): Contender => ({
    name: `${by}, plain functions`,
    file: "memory/functions",
    settings: [{ by, ...sizes }],
  }));
  return {
    name: `Memory, full path of a message, concurrency ${concurrency}`,
    rounds,
    contenders: [
      { name: "queueport", file: "memory/queueport", settings: [sizes] },
      ...functions,
      { name: "parts of a message, no queue", file: "memory/parts", settings: [sizes] },
    ],
    thresholds: [
      { name: "memory pipeline / p-queue", figure: "rate", over: "p-queue, plain functions", atLeast: 1.5 },
      {
        name: "memory pipeline / fastq.promise",
        figure: "rate",
        over: "fastq, plain functions",
        atLeast: 0.8,
      },
    ],
  };
}

/** The cost of the records of jobs, without a disk. */
function tracked(rounds: number): Benchmark {
  const sizes = { concurrency: 100, warmUp: 50_000, messages: 150_000 };
  return {
    name: "Memory, jobs that are recorded, concurrency 100",
    rounds,
    contenders: [
      { name: "queueport, recorded", file: "memory/jobs", settings: [{ ...sizes, store: "memory" }] },
      { name: "queueport, not recorded", file: "memory/queueport", settings: [sizes] },
    ],
    thresholds: [
      {
        name: "tracked in memory / untracked",
        figure: "rate",
        over: "queueport, not recorded",
        atLeast: 0.5,
      },
    ],
  };
}

/** Has no threshold: the rate depends on the disk. */
function sqlite(): Benchmark {
  const sizes = { concurrency: 100, warmUp: 10_000, messages: 50_000 };
  return {
    name: "Memory, jobs that are recorded in SQLite, concurrency 100",
    contenders: [
      { name: "SQLite tracked jobs/s", file: "memory/jobs", settings: [{ ...sizes, store: "sqlite" }] },
    ],
    thresholds: [],
  };
}

function redis(): Benchmark {
  const sizes = { concurrency: 100, warmUp: 10_000, messages: 30_000 };
  return {
    name: "Memory and Redis, concurrency 100",
    rounds: ROUNDS_WITH_REDIS,
    server: { file: "redis", fill: 0, name: "redis-server", optional: true },
    contenders: [
      {
        name: "queueport, in memory",
        file: "memory/queueport",
        settings: [{ ...sizes, warmUp: 100_000, messages: 300_000 }],
      },
      { name: "BullMQ", file: "memory/bullmq", settings: [sizes] },
    ],
    thresholds: [{ name: "memory pipeline / BullMQ", figure: "rate", over: "BullMQ", atLeast: 15 }],
  };
}
