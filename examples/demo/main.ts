import { setTimeout as sleep } from "node:timers/promises";
import { openQueue } from "../../adapters/open.ts";
import { onSignals } from "../../cmd/lib/signals.ts";
import { isQueueError, type Queue } from "../../src/index.ts";
import { queues } from "./jobs.ts";
import { errorText } from "./news.ts";
import { type Options, readOptions } from "./options.ts";
import { busyDay } from "./service.ts";
import { Tally } from "./tally.ts";
import { printSums, show } from "./view.ts";
import { createWorker } from "./worker.ts";

/** The time over which all jobs are sent, however many there are. */
const SENDING_MS = 3_000;
/** Time after the last delay, in which all jobs end. The demo gives up when it is over. */
const PATIENCE_MS = 60_000;
const names = Object.values(queues);

try {
  process.exitCode = await demo(await readOptions());
} catch (error) {
  process.stderr.write(`demo: ${errorText(error)}\n`);
  process.exitCode = isQueueError(error, "config") ? 2 : 1;
}

/** Runs the service and the worker until every job is done or dead-lettered. Returns the exit code. */
async function demo(options: Options): Promise<number> {
  const { config, daySeconds, messages, json } = options;
  await using queue = await openQueue(config);
  await ensureQueues(queue);

  const worker = createWorker(queue, Math.max(1, messages / 40));
  const tally = new Tally();
  tally.watch(worker);

  using interrupt = onSignals(() => process.stderr.write("\ndraining; press Ctrl-C again to exit at once\n"));
  const failed = new AbortController();
  const patience = AbortSignal.timeout(PATIENCE_MS + 3_000 * daySeconds);
  const over = AbortSignal.any([interrupt.signal, failed.signal, patience]);
  const fail = (error: unknown): void => failed.abort(error);

  const title = `${queue.provider}, a day lasts ${daySeconds} s; Ctrl-C drains`;
  const view = show({ queue, names, worker, tally, title, total: messages }, json);
  const startedAt = performance.now();
  const working = worker.run(names).catch(fail);
  await sendAll(queue, options, tally, over, fail);
  while (!tally.balanced && !over.aborted) await sleep(20);
  await worker.stop();
  await working;
  await view.close();

  printSums(tally, performance.now() - startedAt, json);
  failed.signal.throwIfAborted();
  if (interrupt.signal.aborted) return 130;
  return tally.balanced ? 0 : 1;
}

/** The service: starts its sends evenly over `SENDING_MS`, and does not wait for one before it starts the next. */
async function sendAll(
  queue: Queue,
  { messages, daySeconds }: Options,
  tally: Tally,
  over: AbortSignal,
  fail: (error: unknown) => void,
): Promise<void> {
  const startedAt = performance.now();
  const sending: Promise<void>[] = [];
  for (const send of busyDay(queue, daySeconds).take(messages)) {
    if (over.aborted) break;
    sending.push(send().then(({ id }) => tally.sent(id), fail));
    const aheadMs = startedAt + (sending.length / messages) * SENDING_MS - performance.now();
    if (aheadMs > 10) await sleep(aheadMs);
  }
  await Promise.all(sending);
}

/** Creates the queues, if the adapter can. If it cannot and a queue is missing, the first send fails with `not_found`. */
async function ensureQueues(queue: Queue): Promise<void> {
  for (const name of names) {
    await queue.ensure(name).catch((error: unknown) => {
      if (!isQueueError(error, "not_supported")) throw error;
    });
  }
}
