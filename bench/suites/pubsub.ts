import type { Contest, Side } from "../run/contest.ts";

const STUB = { file: "pubsub", name: "gRPC stub" };
const LIBRARY = "@google-cloud/pubsub, defaults";

/** Google Cloud Pub/Sub. */
export function pubsub(quick: boolean): readonly Contest[] {
  return [consume(quick), publish(10, 10, quick), publish(1_000, 1, quick), idle(quick)];
}

function consume(quick: boolean): Contest {
  const sizes = (part: number): object[] => [{ warmUp: 40_000 * part, messages: 60_000 * part }];
  return {
    name: "Pub/Sub consume, backlog",
    server: { ...STUB, fill: quick ? 60_000 : 110_000 },
    sides: [
      { name: "queueport", file: "pubsub/consume-queueport", settings: sizes(quick ? 0.5 : 1) },
      { name: LIBRARY, file: "pubsub/consume-library", settings: sizes(quick ? 0.2 : 0.5) },
    ],
    bars: [{ name: "Pub/Sub consume / subscription.on", figure: "rate", over: LIBRARY, atLeast: 4.5 }],
  };
}

function publish(width: number, atLeast: number, quick: boolean): Contest {
  const side = (by: string, name: string, part: number): Side => {
    const messages = Math.round((quick ? 0.5 : 1) * part * (width === 10 ? 30_000 : 120_000));
    return { name, file: "pubsub/publish", settings: [{ by, width, warmUp: messages / 2, messages }] };
  };
  return {
    name: `Pub/Sub publish, ${width} callers at once`,
    server: { ...STUB, fill: 0 },
    sides: [side("queueport", "queueport send()", 1), side("library", LIBRARY, width === 10 ? 0.1 : 1)],
    bars: [{ name: `Pub/Sub publish, ${width} at once / defaults`, figure: "rate", over: LIBRARY, atLeast }],
  };
}

function idle(quick: boolean): Contest {
  const settings = (by: string): object[] => [{ by, warmUp: 100, messages: quick ? 100 : 200 }];
  return {
    name: "Pub/Sub, idle queue, from send to handler",
    shown: "medianMs",
    server: { ...STUB, fill: 0 },
    sides: [
      { name: "queueport", file: "latency/pubsub", settings: settings("queueport") },
      { name: LIBRARY, file: "latency/pubsub", settings: settings("library") },
    ],
    bars: [{ name: "Pub/Sub idle latency / defaults", figure: "medianMs", over: LIBRARY, atMost: 0.25 }],
  };
}
