import { type Connection, queueError } from "../transport/connection.ts";
import type { Delays } from "../delay/delays.ts";
import { QueueError } from "../errors.ts";
import type { DelayedMessage } from "../queue/queue.ts";
import { show } from "../lib/text.ts";
import { loadReceive } from "./lazy-receive.ts";

/** Cancels a delayed message in the delay store or at the provider. Implements `Queue.cancel`. */
export async function cancelDelayed(
  { driver }: Connection,
  delays: Delays | undefined,
  handle: string,
): Promise<boolean> {
  const cancels = driver.cancel !== undefined && driver.limits.cancel;
  if (!cancels && delays === undefined) {
    throw new QueueError(
      "not_supported",
      `${driver.provider} cannot cancel delayed messages. Let the handler check whether the job is still wanted, or use a delay store.`,
    );
  }
  if (typeof handle !== "string" || handle === "") {
    throw new QueueError(
      "invalid_options",
      `cancel takes the handle of a send with cancellable: true; got ${show(handle)}.`,
    );
  }
  try {
    const cancelled = await delays?.cancel(handle);
    return cancelled ?? (cancels ? ((await driver.cancel?.(handle)) ?? false) : false);
  } catch (error) {
    throw queueError(error, "", "cancel a delayed message", driver.provider);
  }
}

/** Lists the messages that wait in the delay store. Implements `Queue.delayed`. */
export async function listDelayed(
  { driver }: Connection,
  delays: Delays | undefined,
  queue: string,
  limit: number,
): Promise<DelayedMessage[]> {
  if (!(limit >= 1)) {
    throw new QueueError("invalid_options", `delayed: limit must be 1 or more; got ${show(limit)}.`, {
      queue,
    });
  }
  if (delays === undefined) {
    throw new QueueError(
      "not_supported",
      `${driver.provider} cannot list delayed messages, but a delay store can: pass a delayStore to createQueue, or configure { "delayStore": { "sqlite": "delays.db" } }.`,
      { queue },
    );
  }
  return loadReceive(({ decode }) => delays.list(queue, limit, decode));
}
