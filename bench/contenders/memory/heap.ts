import { memory } from "../../../adapters/memory/index.ts";
import { createQueue, type NewMessage, Worker } from "../../../src/index.ts";
import { options, report } from "../measure.ts";

/** Sends and handles small messages in memory, and measures the growth of the heap. */

const HANDLERS = 50;
/** Upper bound of the backlog. Every handler stays busy, and the queue has room for it. */
const MAX_WAITING = 5_000;
const CHUNK = 500;

const { messages } = options() as { readonly messages: number };

let handled = 0;
let onHandled: (() => void) | undefined;

// A warm-up, so that code is compiled and every structure was used before the heap is measured.
await run(Math.min(messages, 20_000));
const heapBefore = heapMiB();
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await run(messages);
const seconds = (performance.now() - startedAt) / 1_000;
const { user, system } = process.cpuUsage(cpuBefore);
report({
  rate: messages / seconds,
  cpuMicros: (user + system) / messages,
  mib: heapMiB() - heapBefore,
  messages,
});

async function run(total: number): Promise<void> {
  const queue = createQueue(memory());
  const worker = new Worker(queue, { concurrency: HANDLERS });
  worker.register("tick", async () => {
    handled += 1;
    if (onHandled !== undefined) onHandled();
  });
  handled = 0;
  const working = worker.run("bench");
  for (let sent = 0; sent < total; sent += CHUNK) {
    await until(() => handled >= sent - MAX_WAITING);
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
  if (gc === undefined) throw new Error("heap.ts needs node --expose-gc.");
  // The second collection frees the objects that finalizers released in the first.
  gc();
  gc();
  return process.memoryUsage().heapUsed / 1_048_576;
}
