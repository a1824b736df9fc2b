import { checkName, DriverError } from "../../src/driver/index.ts";
import { QUEUE_NAME, QUEUE_NAME_RULE } from "./limits.ts";

/** @throws DriverError `permanent` if a queue cannot have the name */
export function checkQueueName(queue: string): void {
  checkName(queue, QUEUE_NAME, QUEUE_NAME_RULE);
}

const PREFIX = "postgres:";

/** The handle by which a delayed message is cancelled. */
export function handleOf(id: string): string {
  return `${PREFIX}${id}`;
}

/**
 * Returns the id of the message of a handle.
 * @throws DriverError `permanent` if the handle is of another provider
 */
export function idOfHandle(handle: string): string {
  const id = handle.startsWith(PREFIX) ? handle.slice(PREFIX.length) : "";
  if (/^\d{1,18}$/.test(id)) return id;
  throw new DriverError("permanent", `The handle "${handle}" was not returned by a send to Postgres.`);
}
