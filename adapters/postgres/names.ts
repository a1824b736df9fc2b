import { checkName } from "../../src/driver/index.ts";
import { QUEUE_NAME, QUEUE_NAME_RULE } from "./limits.ts";

/** @throws DriverError `permanent` if a queue cannot have the name */
export function checkQueueName(queue: string): void {
  checkName(queue, QUEUE_NAME, QUEUE_NAME_RULE);
}
