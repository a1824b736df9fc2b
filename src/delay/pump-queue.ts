import { type Connection, queueError } from "../transport/connection.ts";
import type { JobEvent, ReceiveEvent } from "../diagnostics.ts";
import type { QueueTraits } from "../driver/limits.ts";
import type { PumpOptions } from "../queue/queue.ts";
import { Reporter } from "../receive/reporter.ts";
import type { Sender } from "../send/sender.ts";
import { untilAborted } from "../lib/wait.ts";
import type { Delays } from "./delays.ts";
import { StoreDispatcher } from "./dispatcher.ts";
import { DelayPump } from "./pump.ts";

export interface PumpQueueOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  /** Undefined if there is no delay store. */
  readonly delays: Delays | undefined;
  readonly queue: string;
  readonly traits: QueueTraits;
  readonly report: (event: ReceiveEvent) => void;
  readonly stop: AbortSignal;
}

/**
 * Moves the delayed messages of one queue from its delay queue and from the delay store to the queue, when they are due.
 * Resolves when `stop` has aborted. Never rejects.
 */
export async function pumpQueue(options: PumpQueueOptions): Promise<void> {
  const { connection, delays, traits, stop } = options;
  const dispatching =
    delays === undefined ? undefined : new StoreDispatcher({ ...options, delays }).run(stop);
  const usesDelayQueue = connection.limits.maxHopMs > 0 && traits.nativeDelayMs !== Number.POSITIVE_INFINITY;
  if (usesDelayQueue) {
    // A queue with a delay store needs no delay queue, so a missing one is not reported. If the delay queue exists, it is
    // pumped, because it may hold messages from before the store was configured.
    const report: PumpQueueOptions["report"] =
      delays === undefined
        ? options.report
        : (event) => {
            if (event.event !== "warning" || event.code !== "delay_queue_unavailable") options.report(event);
          };
    await new DelayPump({ ...options, report, delayQueue: traits.delayQueue }).run(stop);
  }
  await dispatching;
}

export interface PumpUntilStoppedOptions {
  readonly connection: Connection;
  readonly sender: Sender;
  readonly delays: Delays | undefined;
  readonly queue: string;
  readonly options: PumpOptions;
  /** Aborts when the queue closes. */
  readonly closing: AbortSignal;
}

/** Pumps without a receiver until the signal aborts. Rejects if the queue cannot be described. */
export async function pumpUntilStopped(pump: PumpUntilStoppedOptions): Promise<void> {
  const { connection, sender, delays, queue, options, closing } = pump;
  const { signal, onEvent } = options;
  let traits: QueueTraits;
  try {
    traits = await connection.traits(queue);
  } catch (error) {
    throw queueError(error, queue, "pump", connection.driver.provider);
  }
  // The result is returned, so that the rejection of an async listener is reported.
  const listener = (event: JobEvent | ReceiveEvent): void => ("job" in event ? undefined : onEvent?.(event));
  const reporter = new Reporter(connection, queue, onEvent === undefined ? undefined : listener);
  const report = (event: ReceiveEvent): void => reporter.report(event);
  const stop = signal === undefined ? closing : AbortSignal.any([signal, closing]);
  await Promise.all([
    pumpQueue({ connection, sender, delays, queue, traits, report, stop }),
    // The promise stays pending until the signal aborts, even if there is nothing to pump.
    untilAborted(stop),
  ]);
}
