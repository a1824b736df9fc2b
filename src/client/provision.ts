import { type Connection, queueError } from "../transport/connection.ts";
import type { Delays } from "../delay/delays.ts";
import { defaults } from "../defaults.ts";
import type { Admin, QueueChange, QueueSpec } from "../driver/contract.ts";
import { optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";
import { QueueError } from "../errors.ts";
import type { EnsureOptions } from "../queue/queue.ts";
import { brokerMaxDeliveries } from "../queue/crash-loop.ts";

/** Creates or changes one logical queue, with its dead-letter queue and its delay queue. Implements `Queue.ensure`. */
export async function ensureQueue(
  connection: Connection,
  queue: string,
  options: EnsureOptions,
): Promise<void> {
  const admin = adminOf(connection, "create queues");
  await attempt(connection, queue, "create", () => admin.ensure(queue, specOf(options)));
}

/** Returns what {@link ensureQueue} would change. Implements `Queue.plan`. */
export async function planQueue(
  connection: Connection,
  queue: string,
  options: EnsureOptions,
): Promise<QueueChange[]> {
  const admin = adminOf(connection, "create queues");
  if (admin.plan === undefined) throw cannot(connection, "compare queues with their specification");
  return attempt(connection, queue, "compare", () => admin.plan?.(queue, specOf(options)) ?? []);
}

/** Removes one logical queue, with its dead-letter queue and its delay queue. Implements `Queue.drop`. */
export async function dropQueue(
  connection: Connection,
  delays: Delays | undefined,
  queue: string,
): Promise<void> {
  const admin = adminOf(connection, "remove queues");
  await attempt(connection, queue, "remove", () => admin.drop(queue));
  await delays?.store.drop(queue);
}

function specOf(options: EnsureOptions): QueueSpec {
  const { ordering = "none", maxAttempts = defaults.maxAttempts } = options;
  // A queue that was created with another word could not keep order, and could not be changed later.
  if (ordering !== "none" && ordering !== "by_key") {
    throw new QueueError(
      "invalid_options",
      `ensure: ordering must be "none" or "by_key"; got ${show(ordering)}.`,
    );
  }
  if (!Number.isSafeInteger(maxAttempts) || maxAttempts < 1) {
    throw new QueueError(
      "invalid_options",
      `ensure: maxAttempts must be a whole number, 1 or more; got ${show(maxAttempts)}.`,
    );
  }
  const leaseMs = optionalMs(options.leaseMs) ?? defaults.leaseMs;
  if (!(Number.isFinite(leaseMs) && leaseMs > 0)) {
    throw new QueueError(
      "invalid_options",
      `ensure: leaseMs must be a finite duration, more than 0 milliseconds; got ${show(options.leaseMs)}.`,
    );
  }
  return { ordering, brokerMaxDeliveries: brokerMaxDeliveries(maxAttempts, ordering === "by_key"), leaseMs };
}

function adminOf(connection: Connection, attempted: string): Admin {
  const { admin } = connection.driver;
  if (admin === undefined) throw cannot(connection, attempted);
  return admin;
}

function cannot({ driver }: Connection, attempted: string): QueueError {
  return new QueueError(
    "not_supported",
    `The ${driver.provider} adapter cannot ${attempted}. Do it with the provider's own tools.`,
  );
}

/** Makes a request that may change queues. The cached traits are read again after it. */
async function attempt<T>(
  connection: Connection,
  queue: string,
  attempted: string,
  call: () => T | Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw queueError(error, queue, attempted, connection.driver.provider);
  } finally {
    connection.forget();
  }
}
