import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Contender, median } from "./run/benchmark.ts";
import { plot, type Series } from "./run/plot.ts";
import { installPeers } from "./run/prepare.ts";
import { runRounds } from "./run/rounds.ts";

/** Draws throughput against concurrency into docs/: `npm run bench:plots [-- <rounds>]`. Points are medians. */

const ROUNDS = Number(process.argv[2] ?? 3);

type ContenderAt = (concurrency: number) => Contender;

installPeers();
const SQS_SIZES = { warmUp: 6_000, messages: 8_000 };
const sqsContender =
  (name: string, by: string, settings: object = {}): ContenderAt =>
  (concurrency) => {
    const pollers = Math.ceil(concurrency / 10);
    const common = { by, concurrency, pollers, work: "none", extent: SQS_SIZES };
    return { name, file: "sqs/consume", settings: [{ ...common, ...settings }] };
  };

await draw("sqs", "SQS: consuming a backlog from a stub server", [10, 20, 40, 80, 160], 16_000, [
  sqsContender("queueport", "queueport"),
  sqsContender("sqs-consumer handleMessageBatch", "sqs-consumer", { batch: true }),
  sqsContender("sqs-consumer handleMessage", "sqs-consumer", {
    batch: false,
    extent: { warmUp: 2_000, messages: 2_500 },
  }),
  sqsContender("SDK, handwritten loop", "loop"),
]);

const MEMORY_SIZES = { warmUp: 100_000, messages: 200_000 };
await draw("memory", "Memory: full path of a message in one process", [1, 10, 50, 100, 500], undefined, [
  (concurrency) => ({
    name: "queueport",
    file: "memory/queueport",
    settings: [{ concurrency, ...MEMORY_SIZES }],
  }),
  ...["p-queue", "fastq"].map((by): ContenderAt => (concurrency) => ({
    name: `${by}, plain functions`,
    file: "memory/functions",
    settings: [{ by, concurrency, ...MEMORY_SIZES }],
  })),
]);

async function draw(
  name: string,
  title: string,
  concurrencies: readonly number[],
  fill: number | undefined,
  contendersAt: readonly ContenderAt[],
): Promise<void> {
  const points = new Map<string, [number, number][]>();
  for (const concurrency of concurrencies) {
    const [ours, ...others] = contendersAt.map((at) => at(concurrency));
    if (ours === undefined) return;
    const server = fill === undefined ? {} : { server: { file: "sqs", name: "stub server", fill } };
    const benchmark = { name, ...server, contenders: [ours, ...others], thresholds: [] } as const;
    const rounds = await runRounds(benchmark, ROUNDS);
    for (const [contender, figures] of rounds ?? []) {
      const rate = median(figures.flatMap(({ rate: one }) => one ?? []));
      points.set(contender, [...(points.get(contender) ?? []), [concurrency, rate]]);
    }
  }
  const series = Array.from(points, ([contender, at]): Series => ({ name: contender, points: at }));
  const path = fileURLToPath(new URL(`../docs/performance-${name}.svg`, import.meta.url));
  writeFileSync(path, plot(title, "concurrent handlers", "messages per second", series));
  process.stdout.write(`${path}\n`);
}
