import { monitorEventLoopDelay } from "node:perf_hooks";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/index.ts";
import { messageOf, startWorker } from "../job.ts";
import { after, options, report } from "../measure.ts";

/** Measures the event loop lag while `leased` messages are handled for one second each; 0 for an idle process. */
const { leased } = options() as { readonly leased: number };
if (leased > 0) await keepLeased();
const lag = monitorEventLoopDelay({ resolution: 10 });
lag.enable();
await after(4_000);
lag.disable();
report({ p99Ms: lag.percentile(99) / 1e6, medianMs: lag.percentile(50) / 1e6, messages: leased });

async function keepLeased(): Promise<void> {
  const queue = createQueue(memory({ capacity: 2 * leased }));
  let number = 0;
  const send = (): Promise<unknown> => queue.send("bench", messageOf((number += 1)));
  startWorker(queue, leased, async () => {
    await after(1_000);
    void send();
  });
  // Spread over one second, as the messages of a busy queue are.
  for (let sent = 0; sent < leased;) {
    for (const end = sent + leased / 100; sent < end; sent += 1) void send();
    await after(10);
  }
  await after(1_000);
}
