import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median, type Side } from "./run/contest.ts";
import { hold } from "./run/hold.ts";
import { type Line, plot } from "./run/plot.ts";

/** Throughput against concurrency, drawn into docs; medians of so many rounds. */

const ROUNDS = Number(process.argv[2] ?? 3);

/** One side at one concurrency. */
type SideAt = (concurrency: number) => Side;

const SQS_SIZES = { warmUp: 6_000, messages: 8_000 };
const sqsConsumer =
  (name: string, batch: boolean, sizes: object): SideAt =>
  (concurrency) => ({
    name,
    file: "sqs/consume-sqs-consumer",
    settings: [{ pollers: Math.ceil(concurrency / 10), batch, work: "none", extent: sizes }],
  });

await draw("sqs", "SQS: a backlog consumed from a stub server", [10, 20, 40, 80, 160], 16_000, [
  (concurrency) => ({
    name: "queueport",
    file: "sqs/consume-queueport",
    settings: [{ concurrency, work: "none", extent: SQS_SIZES }],
  }),
  sqsConsumer("sqs-consumer handleMessageBatch", true, SQS_SIZES),
  sqsConsumer("sqs-consumer handleMessage", false, { warmUp: 2_000, messages: 2_500 }),
  (concurrency) => ({
    name: "SDK, a loop by hand",
    file: "sqs/consume-loop",
    settings: [{ pollers: Math.ceil(concurrency / 10), work: "none", extent: SQS_SIZES }],
  }),
]);

const MEMORY_SIZES = { warmUp: 100_000, messages: 200_000 };
await draw("memory", "Memory: the whole way of a message in one process", [1, 10, 50, 100, 500], undefined, [
  (concurrency) => ({
    name: "queueport",
    file: "memory/whole-queueport",
    settings: [{ concurrency, ...MEMORY_SIZES }],
  }),
  ...["p-queue", "fastq"].map((by): SideAt => (concurrency) => ({
    name: `${by}, bare functions`,
    file: "memory/functions",
    settings: [{ by, concurrency, ...MEMORY_SIZES }],
  })),
]);

async function draw(
  name: string,
  title: string,
  concurrencies: readonly number[],
  fill: number | undefined,
  sides: readonly SideAt[],
): Promise<void> {
  const lines = new Map<string, [number, number][]>();
  for (const concurrency of concurrencies) {
    const [ours, ...others] = sides.map((side) => side(concurrency));
    if (ours === undefined) return;
    const server = fill === undefined ? {} : { server: { file: "sqs", name: "stub server", fill } };
    const rounds = await hold({ name, ...server, sides: [ours, ...others], bars: [] }, ROUNDS);
    for (const [side, figures] of rounds ?? []) {
      const rate = median(figures.flatMap(({ rate: one }) => one ?? []));
      lines.set(side, [...(lines.get(side) ?? []), [concurrency, rate]]);
    }
  }
  const drawn = Array.from(lines, ([side, points]): Line => ({ name: side, points }));
  const path = fileURLToPath(new URL(`../docs/performance-${name}.svg`, import.meta.url));
  writeFileSync(path, plot(title, "handlers at once", "messages a second", drawn));
  process.stdout.write(`${path}\n`);
}
