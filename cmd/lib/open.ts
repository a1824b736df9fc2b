import type { ConfigParts } from "../../adapters/config-file.ts";
import { openQueue } from "../../adapters/open.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { warn } from "./output.ts";

/** The sentence about queues that no other process can use; undefined for all other queues. */
export function memoryWarning({ provider }: Queue): string | undefined {
  if (provider !== "memory") return undefined;
  return "the memory provider keeps messages in this process only: no other process sees them, and this process sees no message of another one.";
}

/** Opens the queue of a configuration, for a command that reads or changes messages of other processes. */
export async function openConfigured({ queue: config }: ConfigParts): Promise<Queue> {
  const queue = await openQueue(config);
  const warning = memoryWarning(queue);
  if (warning !== undefined) warn(warning);
  return queue;
}
