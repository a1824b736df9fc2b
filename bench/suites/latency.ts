import type { Contest } from "../run/contest.ts";

/** How soon a message is handled, and how late the event loop is. */
export function latency(quick: boolean): readonly Contest[] {
  const settings = (by: string): object[] => [{ by, warmUp: 100, messages: quick ? 100 : 200 }];
  return [
    {
      name: "SQS, idle queue, from send to handler",
      shown: "medianMs",
      rounds: quick ? 3 : 9,
      server: { file: "sqs", name: "stub server", fill: 0 },
      sides: [
        { name: "queueport", file: "latency/sqs", settings: settings("queueport") },
        { name: "SDK, long poll", file: "latency/sqs", settings: settings("sdk") },
      ],
      bars: [
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
      sides: [
        { name: "queueport", file: "latency/lag", settings: [{ leased: 10_000 }] },
        { name: "an empty process", file: "latency/lag", settings: [{ leased: 0 }] },
      ],
      bars: [
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
