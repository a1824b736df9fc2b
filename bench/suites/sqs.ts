import type { Benchmark, Contender } from "../run/benchmark.ts";
import type { Work } from "../contenders/job.ts";
import type { Count, Span } from "../contenders/measure.ts";

const STUB = { file: "sqs", name: "stub server" };

/** Amazon SQS, on the stub server. */
export function sqs(quick: boolean): readonly Benchmark[] {
  return [backlog(quick), mixed(quick), send(quick), singleSend(quick), whole(quick)];
}

interface Extents {
  /** Extent for contenders that make one request per message. */
  readonly few: Count | Span;
  /** Extent for contenders that make one request for several messages. */
  readonly many: Count | Span;
  /** Whether to find the best number of pollers. Otherwise the number is used that was best in earlier runs. */
  readonly search: boolean;
}

type Consumers = { readonly [name in "queueport" | "single" | "batch" | "loop"]: Contender };

function consumers(work: Work, { few, many, search }: Extents): Consumers {
  const settings = (by: string, counts: readonly number[], others: object): object[] =>
    (search ? counts : counts.slice(-1)).map((pollers) => ({ by, pollers, work, ...others }));
  return {
    queueport: {
      name: "queueport",
      file: "sqs/consume",
      settings: [{ by: "queueport", concurrency: 80, work, extent: many }],
    },
    single: {
      name: "sqs-consumer handleMessage",
      file: "sqs/consume",
      settings: settings("sqs-consumer", [1, 4, 8], { batch: false, extent: few }),
    },
    batch: {
      name: "sqs-consumer handleMessageBatch",
      file: "sqs/consume",
      settings: settings("sqs-consumer", [4, 16, 8], { batch: true, extent: many }),
    },
    loop: {
      name: "SDK, handwritten loop",
      file: "sqs/consume",
      settings: settings("loop", [4, 16, 8], { extent: many }),
    },
  };
}

function backlog(quick: boolean): Benchmark {
  // Every contender runs for about the same time, because a process is slower at first.
  const extents = quick
    ? { few: { warmUp: 1_000, messages: 1_500 }, many: { warmUp: 4_000, messages: 4_000 } }
    : { few: { warmUp: 4_000, messages: 5_000 }, many: { warmUp: 15_000, messages: 20_000 } };
  const { queueport, single, batch, loop } = consumers("none", { ...extents, search: !quick });
  return {
    name: "SQS consume, backlog",
    server: { ...STUB, fill: quick ? 9_000 : 40_000 },
    contenders: [queueport, single, batch, loop],
    thresholds: [
      { name: "SQS consume / sqs-consumer handleMessage", figure: "rate", over: single.name, atLeast: 4.2 },
      {
        name: "SQS consume / sqs-consumer handleMessageBatch",
        figure: "rate",
        over: batch.name,
        atLeast: 1.35,
      },
      { name: "SQS consume / handwritten loop", figure: "rate", over: loop.name, atLeast: 1 },
      {
        name: "SQS consume CPU / sqs-consumer handleMessage",
        figure: "cpuMicros",
        over: single.name,
        atMost: 0.25,
      },
    ],
  };
}

function mixed(quick: boolean): Benchmark {
  // Slow handlers soon fill all slots and end together, so throughput comes in waves. The waves of queueport take 1.2 s and
  // level out. The waves of a consumer that waits for a whole batch take 1 s. Six seconds hold complete waves of both.
  const span = quick ? { warmUpMs: 2_000, ms: 3_000 } : { warmUpMs: 2_500, ms: 6_000 };
  const { queueport, single, batch, loop } = consumers("mixed", { few: span, many: span, search: false });
  return {
    name: "SQS consume, 10 ms handlers, one in 20 takes 1 s, 80 slots",
    server: { ...STUB, fill: quick ? 10_000 : 16_000 },
    contenders: quick ? [queueport, single] : [queueport, single, batch, loop],
    thresholds: [
      { name: "SQS mixed handlers / sqs-consumer", figure: "rate", over: single.name, atLeast: 8 },
      ...(quick
        ? []
        : [
            {
              name: "SQS mixed handlers / sqs-consumer in batches",
              figure: "rate",
              over: batch.name,
              atLeast: 8,
            } as const,
          ]),
    ],
  };
}

function send(quick: boolean): Benchmark {
  const [few, many] = quick
    ? [
        { warmUp: 800, messages: 1_000 },
        { warmUp: 5_000, messages: 6_000 },
      ]
    : [
        { warmUp: 3_000, messages: 4_000 },
        { warmUp: 20_000, messages: 30_000 },
      ];
  return {
    name: "SQS send, 50 concurrent callers",
    server: { ...STUB, fill: 0 },
    contenders: [
      { name: "queueport send()", file: "sqs/send", settings: [{ by: "queueport", width: 50, ...many }] },
      { name: "SDK SendMessage", file: "sqs/send", settings: [{ by: "sdk", width: 50, ...few }] },
    ],
    thresholds: [
      {
        name: "SQS send, 50 callers / SendMessage each",
        figure: "rate",
        over: "SDK SendMessage",
        atLeast: 7,
      },
    ],
  };
}

function singleSend(quick: boolean): Benchmark {
  const sizes = quick ? { warmUp: 200, messages: 150 } : { warmUp: 300, messages: 500 };
  return {
    name: "SQS, single send on an idle queue",
    shown: "medianMs",
    rounds: quick ? 3 : 11,
    server: { ...STUB, fill: 0 },
    contenders: [
      { name: "queueport send()", file: "sqs/send", settings: [{ by: "queueport", ...sizes }] },
      { name: "SDK SendMessage", file: "sqs/send", settings: [{ by: "sdk", ...sizes }] },
    ],
    thresholds: [
      { name: "SQS single send / SendMessage", figure: "medianMs", over: "SDK SendMessage", atMost: 1.1 },
    ],
  };
}

function whole(quick: boolean): Benchmark {
  const settings = (by: string): object[] => [{ by, messages: quick ? 1_500 : 5_000 }];
  return {
    name: "SQS requests per message: send, receive, ack",
    shown: "requests",
    server: { ...STUB, fill: 0 },
    contenders: quick
      ? [{ name: "queueport", file: "sqs/whole", settings: settings("queueport") }]
      : [
          { name: "queueport", file: "sqs/whole", settings: settings("queueport") },
          { name: "SDK, one request each", file: "sqs/whole", settings: settings("sdk") },
        ],
    thresholds: [{ name: "SQS requests per message", figure: "requests", atMost: 0.31 }],
  };
}
