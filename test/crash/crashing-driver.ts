import { type Driver, siblingQueue, type Source } from "../../src/driver/index.ts";
import type { WorkerConfig } from "./config.ts";
import type { CrashTrigger } from "./crash-trigger.ts";

/** The driver of a worker whose process dies between two requests. Such a worker sends nothing but copies. */
export function crashingDriver(
  inner: Driver,
  trigger: CrashTrigger,
  { queue: main, concurrency, adapter }: WorkerConfig,
): Driver {
  return {
    provider: inner.provider,
    limits: {
      ...inner.limits,
      // Forces every retry to send a copy, so that the process can die between the copy and the acknowledgement.
      maxReleaseDelayMs: 0,
      // Forces every copy through the delay store, if there is one.
      ...(adapter.delayStore === undefined ? {} : { nativeDelayMs: 0 }),
      // Keeps pending acknowledgements below the number of handlers, which bounds the duplicates of a kill.
      maxSettleBatch: Math.min(inner.limits.maxSettleBatch, Math.max(1, Math.floor(concurrency / 2))),
    },
    async describe(queue) {
      const traits = await inner.describe(queue);
      return adapter.delayStore === undefined ? traits : { ...traits, nativeDelayMs: 0 };
    },
    classify: (error) => inner.classify(error),
    async send(queue, messages, signal) {
      const isDeadLetter = queue === siblingQueue(main, "-dlq");
      // With a delay store, copies go to the store, so a message that is sent to the queue is due.
      const isDue = !isDeadLetter && adapter.delayStore !== undefined;
      if (isDue) trigger.dispatching(messages);
      else trigger.replacing(messages);
      const results = await inner.send(queue, messages, signal);
      if (isDeadLetter) trigger.pass("between_dead_letter_and_ack");
      else if (!isDue) trigger.pass("between_copy_and_ack");
      return results;
    },
    open: (queue, options) => crashingSource(inner.open(queue, options), trigger),
    stats: (queue) => inner.stats(queue),
    close: () => inner.close(),
  };
}

function crashingSource(inner: Source, trigger: CrashTrigger): Source {
  let draining = false;
  const passDrain = (): void => {
    if (draining) trigger.pass("while_draining");
  };
  return {
    next: (max, signal) => inner.next(max, signal),
    async settle(operations) {
      passDrain();
      const results = await inner.settle(operations);
      for (const [index, operation] of operations.entries()) {
        if (operation.kind === "ack" && results[index]?.ok === true) trigger.acknowledged(operation);
      }
      // A native dead-letter operation needs no acknowledgement. The process then dies before it sees the result.
      if (operations.some(({ kind }) => kind === "dead_letter")) trigger.pass("between_dead_letter_and_ack");
      passDrain();
      return results;
    },
    async stop() {
      draining = true;
      passDrain();
      const late = await inner.stop();
      passDrain();
      return late;
    },
    close: () => inner.close(),
  };
}
