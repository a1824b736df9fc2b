import type { Benchmark } from "../run/benchmark.ts";

const LIBRARY = "@azure/service-bus subscribe";

/** Azure Service Bus, on the AMQP server of this repository. */
export function serviceBus(quick: boolean): readonly Benchmark[] {
  // A long warm-up, because V8 compiles the SDK late: it takes a fifth of the CPU during the first 30,000 messages.
  const sizes = quick
    ? { concurrency: 50, warmUp: 3_000, messages: 4_000 }
    : { concurrency: 50, warmUp: 50_000, messages: 30_000 };
  return [
    {
      name: "Service Bus consume, backlog, concurrency 50",
      // More rounds than elsewhere, because the noise of the machine exceeds the distance to the threshold.
      rounds: quick ? 3 : 9,
      server: {
        file: "service-bus",
        name: "queueport/service-bus-server",
        fill: 4_000 + sizes.warmUp + sizes.messages,
      },
      contenders: [
        { name: "queueport", file: "service-bus/consume", settings: [{ by: "queueport", ...sizes }] },
        { name: LIBRARY, file: "service-bus/consume", settings: [{ by: "library", ...sizes }] },
      ],
      thresholds: [{ name: "Service Bus consume / subscribe", figure: "rate", over: LIBRARY, atLeast: 0.9 }],
    },
  ];
}
