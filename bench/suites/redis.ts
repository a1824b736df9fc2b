import type { Benchmark, Contender, Threshold } from "../run/benchmark.ts";

const server = { file: "redis", name: "redis-server", fill: 0, optional: true } as const;

/** Queues in Redis, beside the best known job libraries on Redis. All of them run against one server. */
export function redis(quick: boolean): readonly Benchmark[] {
  const jobs = (messages: number): object => ({
    warmUp: messages / 4,
    messages: quick ? messages / 4 : messages,
  });
  return [
    {
      name: "Redis send, 50 concurrent callers",
      server,
      contenders: contenders("send", {
        queueport: [{ width: 50, ...jobs(40_000) }],
        bullmq: [{ width: 50, ...jobs(16_000) }],
        "bee-queue": [{ width: 50, ...jobs(20_000) }],
      }),
      thresholds: [rate("Redis send / BullMQ", "bullmq", 2)],
    },
    {
      name: "Redis process a backlog",
      server,
      contenders: contenders("process", {
        queueport: [{ concurrency: 100, ...jobs(40_000) }],
        bullmq: [50, 100].map((concurrency) => ({ concurrency, ...jobs(8_000) })),
        "bee-queue": [50, 100].map((concurrency) => ({ concurrency, ...jobs(8_000) })),
      }),
      thresholds: [
        rate("Redis process / BullMQ", "bullmq", 3),
        rate("Redis process / bee-queue", "bee-queue", 2),
      ],
    },
    {
      name: "Redis, idle queue, from send to handler",
      shown: "medianMs",
      server,
      contenders: contenders("idle", same({ warmUp: 50, messages: quick ? 100 : 300 })),
      thresholds: [{ name: "Redis idle latency / BullMQ", figure: "medianMs", over: "BullMQ", atMost: 1 }],
    },
    {
      name: "Redis, memory of the server for 20,000 waiting jobs",
      shown: "mib",
      server,
      contenders: contenders("waiting", same({ messages: 20_000 })),
      thresholds: [
        // bee-queue stores the payload alone; a message of queueport has an envelope of 200 bytes.
        { name: "Redis memory of waiting jobs / BullMQ", figure: "mib", over: "BullMQ", atMost: 0.75 },
      ],
    },
    {
      name: "Redis, commands of an idle worker in a second",
      shown: "requests",
      server,
      contenders: [{ name: "queueport", file: "redis/rest", settings: [{ by: "queueport", ms: 10_000 }] }],
      thresholds: [{ name: "Redis commands at rest, in a second", figure: "requests", atMost: 1 }],
      rounds: 3,
    },
  ];
}

const NAMES = { queueport: "queueport", bullmq: "BullMQ", "bee-queue": "bee-queue" } as const;
type By = keyof typeof NAMES;

const same = (settings: object): Readonly<Record<By, readonly object[]>> => ({
  queueport: [settings],
  bullmq: [settings],
  "bee-queue": [settings],
});

function contenders(
  file: string,
  settings: Readonly<Record<By, readonly object[]>>,
): readonly [Contender, ...Contender[]] {
  const one = (by: By): Contender => ({
    name: NAMES[by],
    file: `redis/${file}`,
    settings: settings[by].map((each) => ({ by, ...each })),
  });
  return [one("queueport"), one("bullmq"), one("bee-queue")];
}

function rate(name: string, over: By, atLeast: number): Threshold {
  return { name, figure: "rate", over: NAMES[over], atLeast };
}
