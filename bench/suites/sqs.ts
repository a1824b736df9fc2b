import type { Contest, Side } from "../run/contest.ts";
import type { Work } from "../sides/job.ts";
import type { Count, Span } from "../sides/side.ts";

const STUB = { file: "sqs", name: "stub server" };

/** Amazon SQS: the first eight bars. */
export function sqs(quick: boolean): readonly Contest[] {
  return [backlog(quick), mixed(quick), send(quick), lone(quick), whole(quick)];
}

interface Extents {
  /** Of whom takes a request a message. */
  readonly few: Count | Span;
  readonly many: Count | Span;
  /** Whether the best number of pollers is looked for; else the one that was best before is taken. */
  readonly search: boolean;
}

function consumers(work: Work, { few, many, search }: Extents): Sides {
  const pollers = (counts: readonly number[], settings: object): object[] =>
    (search ? counts : counts.slice(-1)).map((count) => ({ pollers: count, work, ...settings }));
  return {
    queueport: {
      name: "queueport",
      file: "sqs/consume-queueport",
      settings: [{ concurrency: 80, work, extent: many }],
    },
    single: {
      name: "sqs-consumer handleMessage",
      file: "sqs/consume-sqs-consumer",
      settings: pollers([1, 4, 8], { batch: false, extent: few }),
    },
    batch: {
      name: "sqs-consumer handleMessageBatch",
      file: "sqs/consume-sqs-consumer",
      settings: pollers([4, 16, 8], { batch: true, extent: many }),
    },
    loop: {
      name: "SDK, a loop by hand",
      file: "sqs/consume-loop",
      settings: pollers([4, 16, 8], { extent: many }),
    },
  };
}

function backlog(quick: boolean): Contest {
  // Each side runs for about as long: a process is slower while it is young.
  const extents = quick
    ? { few: { warmUp: 1_000, messages: 1_500 }, many: { warmUp: 4_000, messages: 4_000 } }
    : { few: { warmUp: 4_000, messages: 5_000 }, many: { warmUp: 15_000, messages: 20_000 } };
  const { queueport, single, batch, loop } = consumers("none", { ...extents, search: !quick });
  return {
    name: "SQS consume, backlog",
    server: { ...STUB, fill: quick ? 9_000 : 40_000 },
    sides: [queueport, single, batch, loop],
    bars: [
      { name: "SQS consume / sqs-consumer handleMessage", figure: "rate", over: single.name, atLeast: 4.2 },
      {
        name: "SQS consume / sqs-consumer handleMessageBatch",
        figure: "rate",
        over: batch.name,
        atLeast: 1.35,
      },
      { name: "SQS consume / the best loop by hand", figure: "rate", over: loop.name, atLeast: 1 },
      {
        name: "SQS consume CPU / sqs-consumer handleMessage",
        figure: "cpuMicros",
        over: single.name,
        atMost: 0.25,
      },
    ],
  };
}

type Sides = { readonly [name in "queueport" | "single" | "batch" | "loop"]: Side };

function mixed(quick: boolean): Contest {
  // Slow ones soon take all slots, and end together: throughput comes in waves, of 1.2 s until they have levelled out; of
  // 1 s, for as long as it runs, where a poll waits for all of one batch. Six seconds hold whole ones of either.
  const span = quick ? { warmUpMs: 2_000, ms: 3_000 } : { warmUpMs: 2_500, ms: 6_000 };
  const { queueport, single, batch, loop } = consumers("mixed", { few: span, many: span, search: false });
  return {
    name: "SQS consume, handlers of 10 ms, one in twenty 1 s; 80 slots",
    server: { ...STUB, fill: quick ? 10_000 : 16_000 },
    sides: quick ? [queueport, single] : [queueport, single, batch, loop],
    bars: [
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

function send(quick: boolean): Contest {
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
    name: "SQS send, 50 callers at once",
    server: { ...STUB, fill: 0 },
    sides: [
      { name: "queueport send()", file: "sqs/send-queueport", settings: [{ width: 50, ...many }] },
      { name: "SDK SendMessage", file: "sqs/send-sdk", settings: [{ width: 50, ...few }] },
    ],
    bars: [
      {
        name: "SQS send, 50 at once / SendMessage each",
        figure: "rate",
        over: "SDK SendMessage",
        atLeast: 7,
      },
    ],
  };
}

function lone(quick: boolean): Contest {
  const sizes = quick ? { warmUp: 200, messages: 150 } : { warmUp: 300, messages: 500 };
  return {
    name: "SQS, one send on an idle queue",
    shown: "medianMs",
    rounds: quick ? 3 : 11,
    server: { ...STUB, fill: 0 },
    sides: [
      { name: "queueport send()", file: "sqs/lone-send", settings: [{ by: "queueport", ...sizes }] },
      { name: "SDK SendMessage", file: "sqs/lone-send", settings: [{ by: "sdk", ...sizes }] },
    ],
    bars: [{ name: "SQS lone send / SendMessage", figure: "medianMs", over: "SDK SendMessage", atMost: 1.1 }],
  };
}

function whole(quick: boolean): Contest {
  const settings = [{ messages: quick ? 1_500 : 5_000 }];
  return {
    name: "SQS requests of a message: send, receive, ack",
    shown: "requests",
    server: { ...STUB, fill: 0 },
    sides: quick
      ? [{ name: "queueport", file: "sqs/whole-queueport", settings }]
      : [
          { name: "queueport", file: "sqs/whole-queueport", settings },
          { name: "SDK, a request each", file: "sqs/whole-sdk", settings },
        ],
    bars: [{ name: "SQS requests a message", figure: "requests", atMost: 0.31 }],
  };
}
