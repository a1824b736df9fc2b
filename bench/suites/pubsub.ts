import type { Benchmark, Contender } from "../run/benchmark.ts";

const STUB = { file: "pubsub", name: "gRPC stub" };
const LIBRARY = "@google-cloud/pubsub, defaults";

/** Google Cloud Pub/Sub, on the gRPC stub. */
export function pubsub(quick: boolean): readonly Benchmark[] {
  return [consume(quick), publish(10, 10, quick), publish(1_000, 1, quick), idle(quick)];
}

function consume(quick: boolean): Benchmark {
  const settings = (by: string, part: number): object[] => [
    { by, warmUp: 40_000 * part, messages: 60_000 * part },
  ];
  return {
    name: "Pub/Sub consume, backlog",
    server: { ...STUB, fill: quick ? 60_000 : 110_000 },
    contenders: [
      { name: "queueport", file: "pubsub/consume", settings: settings("queueport", quick ? 0.5 : 1) },
      { name: LIBRARY, file: "pubsub/consume", settings: settings("library", quick ? 0.2 : 0.5) },
    ],
    thresholds: [{ name: "Pub/Sub consume / subscription.on", figure: "rate", over: LIBRARY, atLeast: 4.5 }],
  };
}

function publish(width: number, atLeast: number, quick: boolean): Benchmark {
  const contender = (by: string, name: string, part: number): Contender => {
    const messages = Math.round((quick ? 0.5 : 1) * part * (width === 10 ? 30_000 : 120_000));
    return { name, file: "pubsub/publish", settings: [{ by, width, warmUp: messages / 2, messages }] };
  };
  return {
    name: `Pub/Sub publish, ${width} concurrent callers`,
    server: { ...STUB, fill: 0 },
    contenders: [
      contender("queueport", "queueport send()", 1),
      contender("library", LIBRARY, width === 10 ? 0.1 : 1),
    ],
    thresholds: [
      { name: `Pub/Sub publish, ${width} callers / defaults`, figure: "rate", over: LIBRARY, atLeast },
    ],
  };
}

function idle(quick: boolean): Benchmark {
  const settings = (by: string): object[] => [{ by, warmUp: 100, messages: quick ? 100 : 200 }];
  return {
    name: "Pub/Sub, idle queue, from send to handler",
    shown: "medianMs",
    server: { ...STUB, fill: 0 },
    contenders: [
      { name: "queueport", file: "pubsub/idle", settings: settings("queueport") },
      { name: LIBRARY, file: "pubsub/idle", settings: settings("library") },
    ],
    thresholds: [
      { name: "Pub/Sub idle latency / defaults", figure: "medianMs", over: LIBRARY, atMost: 0.25 },
    ],
  };
}
