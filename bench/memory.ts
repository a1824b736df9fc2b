import { memory } from "../adapters/memory/index.ts";
import { createQueue, type NewMessage, Worker } from "../src/index.ts";

/** Sends and handles small messages in memory, and measures time and what is left on the heap. Run by bench/main.ts. */

const MIB = 1_048_576;
const MAX_GROWTH_MIB = 20;
const HANDLERS = 50;
/** Messages that may be waiting: enough that no handler idles, and few enough to fit a queue's capacity. */
const MOST_WAITING = 5_000;
const CHUNK = 500;

const messages = Number(process.argv[2] ?? 1_000_000);
const json = process.argv[3] === "true";

let handled = 0;
let onHandled: (() => void) | undefined;

/** The code is compiled and every structure has been used once before the heap is looked at. */
await run(Math.min(messages, 20_000));
const heapBefore = heapMiB();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await run(messages);
const seconds = (performance.now() - startedAt) / 1_000;
const cpu = process.cpuUsage(cpuBefore);
const rss = process.memoryUsage().rss / MIB;
const heapAfter = heapMiB();

const growth = heapAfter - heapBefore;
report({
  messages,
  handlers: HANDLERS,
  seconds: round(seconds),
  messagesPerSecond: Math.round(messages / seconds),
  microsPerMessage: round((seconds * 1e6) / messages),
  cpuMicrosPerMessage: round((cpu.user + cpu.system) / messages),
  heapBeforeMiB: round(heapBefore),
  heapAfterMiB: round(heapAfter),
  heapGrowthMiB: round(growth),
  rssMiB: round(rss),
});
if (growth >= MAX_GROWTH_MIB) {
  process.stderr.write(`The heap grew by ${round(growth)} MiB; less than ${MAX_GROWTH_MIB} was expected.\n`);
  process.exitCode = 1;
}

async function run(total: number): Promise<void> {
  const queue = createQueue(memory());
  const worker = new Worker(queue, { concurrency: HANDLERS });
  worker.register("tick", async () => {
    handled += 1;
    if (onHandled !== undefined) onHandled();
  });
  handled = 0;
  const working = worker.start("bench");
  for (let sent = 0; sent < total; sent += CHUNK) {
    await until(() => handled >= sent - MOST_WAITING);
    const outcomes = await queue.sendBatch("bench", chunk(sent, Math.min(CHUNK, total - sent)));
    for (const outcome of outcomes) if (!outcome.ok) throw outcome.error;
  }
  await until(() => handled >= total);
  await worker.stop();
  await working;
  await queue.close();
}

function chunk(first: number, size: number): NewMessage[] {
  return Array.from({ length: size }, (_, index) => ({ type: "tick", payload: { number: first + index } }));
}

function until(condition: () => boolean): Promise<void> {
  if (condition()) return Promise.resolve();
  return new Promise((resolve) => {
    onHandled = () => {
      if (!condition()) return;
      onHandled = undefined;
      resolve();
    };
  });
}

function heapMiB(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error("Run it by bench/main.ts, which gives node --expose-gc.");
  // Twice: what finalizers let go of is taken by the second.
  gc();
  gc();
  return process.memoryUsage().heapUsed / MIB;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

function report(figures: Readonly<Record<string, number>>): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  for (const [name, value] of Object.entries(figures)) {
    process.stdout.write(`${name.padEnd(width)}  ${value.toLocaleString("en")}\n`);
  }
}
