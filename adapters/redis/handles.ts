import { DriverError } from "../../src/driver/index.ts";

/** The message that a handle names. */
export interface Handle {
  readonly queue: string;
  readonly id: string;
  readonly keyQueue: string;
}

/** The handle by which a delayed message is cancelled. */
export function handleOf({ queue, id, keyQueue }: Handle): string {
  return `redis:${id}:${keyQueue}:${queue}`;
}

/**
 * The message of a handle.
 * @throws DriverError `permanent` if the handle is of another provider
 */
export function readHandle(handle: string): Handle {
  const [, id, keyQueue, queue] = /^redis:(\d{1,17}):([\da-f]{16})?:(.+)$/s.exec(handle) ?? [];
  if (id !== undefined && queue !== undefined) return { id, queue, keyQueue: keyQueue ?? "" };
  throw new DriverError(
    "permanent",
    `The handle ${JSON.stringify(handle)} was not returned by a send to Redis.`,
  );
}
