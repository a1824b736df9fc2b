import type { Contest } from "../run/contest.ts";

const LIBRARY = "@azure/service-bus subscribe";

/** Azure Service Bus, on the AMQP server of this repository. */
export function serviceBus(quick: boolean): readonly Contest[] {
  // The SDK, and all that it rests on, is compiled late: over 30,000 messages, other threads do so for a fifth of the CPU.
  const sizes = quick
    ? { concurrency: 50, warmUp: 3_000, messages: 4_000 }
    : { concurrency: 50, warmUp: 50_000, messages: 30_000 };
  return [
    {
      name: "Service Bus consume, backlog, 50 at once",
      // Both do much the same, and the machine's moods are more than what lies between them and the bar.
      rounds: quick ? 3 : 9,
      server: {
        file: "service-bus",
        name: "queueport/service-bus-server",
        fill: 4_000 + sizes.warmUp + sizes.messages,
      },
      sides: [
        { name: "queueport", file: "service-bus/consume", settings: [{ by: "queueport", ...sizes }] },
        { name: LIBRARY, file: "service-bus/consume", settings: [{ by: "library", ...sizes }] },
      ],
      bars: [{ name: "Service Bus consume / subscribe", figure: "rate", over: LIBRARY, atLeast: 0.9 }],
    },
  ];
}
