import type { Benchmark } from "../run/benchmark.ts";

/** The time until a message is handled, and the lag of the event loop. */
export function latency(quick: boolean): readonly Benchmark[] {
  const settings = (by: string): object[] => [{ by, warmUp: 100, messages: quick ? 100 : 200 }];
  return [
    {
      name: "SQS, idle queue, from send to handler",
      shown: "medianMs",
      rounds: quick ? 3 : 9,
      server: { file: "sqs", name: "stub server", fill: 0 },
      contenders: [
        { name: "queueport", file: "sqs/idle", settings: settings("queueport") },
        { name: "SDK, long poll", file: "sqs/idle", settings: settings("sdk") },
      ],
      thresholds: [
        {
          name: "SQS idle latency / long poll of the SDK",
          figure: "medianMs",
          over: "SDK, long poll",
          atMost: 1.1,
        },
      ],
    },
    {
      name: "Event loop with 10,000 messages leased, handlers of 1 s",
      shown: "p99Ms",
      contenders: [
        { name: "queueport", file: "memory/lag", settings: [{ leased: 10_000 }] },
        { name: "an empty process", file: "memory/lag", settings: [{ leased: 0 }] },
      ],
      thresholds: [
        {
          name: "event loop lag, p99, ms above an empty process",
          figure: "p99Ms",
          above: "an empty process",
          atMost: 20,
        },
      ],
    },
  ];
}
