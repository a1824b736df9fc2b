import type { Benchmark, Contender } from "../run/benchmark.ts";

const SERVER = { file: "postgres", name: "PostgreSQL of this machine, or the one that npm installs" };
const GRAPHILE = "graphile-worker, localQueue 500";
const PG_BOSS = "pg-boss, fetch and complete";
/** Messages beside a backlog that are due tomorrow. */
const DELAYED = 200_000;

/** PostgreSQL, beside other queues in it. */
export function postgres(quick: boolean): readonly Benchmark[] {
  return [backlog(quick), send(quick), idle(quick), besideDelayed(quick)];
}

function consumer(name: string, by: string, settings: object): Contender {
  return { name, file: "postgres/consume", settings: [{ by, ...settings }] };
}

function backlog(quick: boolean): Benchmark {
  const extent = quick ? { warmUp: 2_000, messages: 6_000 } : { warmUp: 5_000, messages: 25_000 };
  return {
    name: "Postgres consume, backlog",
    server: { ...SERVER, fill: extent.warmUp + extent.messages + 2_000 },
    contenders: [
      {
        name: "queueport",
        file: "postgres/consume",
        settings: [500, 2_000, 1_000].map((concurrency) => ({ by: "queueport", concurrency, ...extent })),
      },
      consumer(GRAPHILE, "graphile", extent),
      consumer(PG_BOSS, "pg-boss", extent),
    ],
    thresholds: [
      { name: "Postgres consume / graphile-worker in batches", figure: "rate", over: GRAPHILE, atLeast: 1.2 },
      { name: "Postgres consume / pg-boss fetch and complete", figure: "rate", over: PG_BOSS, atLeast: 1.2 },
    ],
  };
}

function send(quick: boolean): Benchmark {
  const few = quick ? { warmUp: 200, messages: 800 } : { warmUp: 500, messages: 3_000 };
  const many = quick ? { warmUp: 2_000, messages: 6_000 } : { warmUp: 5_000, messages: 20_000 };
  const one = (name: string, by: string, extent: object): Contender => ({
    name,
    file: "postgres/send",
    settings: [{ by, width: 50, ...extent }],
  });
  return {
    name: "Postgres send, 50 concurrent callers",
    server: { ...SERVER, fill: 0 },
    contenders: [
      one("queueport send()", "queueport", many),
      one("graphile-worker addJob", "graphile", few),
      one("pg-boss send", "pg-boss", few),
    ],
    thresholds: [
      {
        name: "Postgres send / graphile-worker addJob",
        figure: "rate",
        over: "graphile-worker addJob",
        atLeast: 8,
      },
      { name: "Postgres send / pg-boss send", figure: "rate", over: "pg-boss send", atLeast: 4 },
    ],
  };
}

function idle(quick: boolean): Benchmark {
  const settings = (by: string, sharesQueue = false): object[] => [
    { by, sharesQueue, warmUp: 50, messages: quick ? 100 : 200 },
  ];
  return {
    name: "Postgres, idle queue, from send to handler",
    shown: "medianMs",
    server: { ...SERVER, fill: 0 },
    contenders: [
      { name: "queueport", file: "postgres/idle", settings: settings("queueport", true) },
      { name: "queueport, another sender", file: "postgres/idle", settings: settings("queueport") },
      { name: "graphile-worker", file: "postgres/idle", settings: settings("graphile") },
    ],
    thresholds: [
      {
        name: "Postgres idle latency / graphile-worker",
        figure: "medianMs",
        over: "graphile-worker",
        atMost: 1.1,
      },
    ],
  };
}

function besideDelayed(quick: boolean): Benchmark {
  const claims = { warmUp: 20, messages: quick ? 100 : 300 };
  const one = (name: string, delayed: number): Contender => ({
    name,
    file: "postgres/claim",
    settings: [{ delayed, ...claims }],
  });
  return {
    name: "Postgres, claim and acknowledge 10 messages beside 200,000 delayed ones",
    shown: "medianMs",
    server: { ...SERVER, fill: 0 },
    contenders: [one("beside 200,000 delayed", DELAYED), one("alone", 0)],
    thresholds: [
      {
        name: "Postgres claim beside delayed messages / alone",
        figure: "medianMs",
        over: "alone",
        atMost: 1.2,
      },
    ],
  };
}
