import type { Command } from "commander";
import { QueueError } from "../../src/errors.ts";
import type { EnsureOptions } from "../../src/queue.ts";
import type { Loaded } from "./config-file.ts";
import { names, positiveDuration, whole } from "./options.ts";

/** What queues are wanted to be like: the same options wherever that is compared with what there is. */
export interface QueueFlags {
  readonly ordered?: readonly string[];
  readonly maxAttempts?: number;
  readonly lease?: number;
}

/** A queue by its name, and what it is wanted to be like. */
export interface Wanted {
  readonly name: string;
  readonly options: EnsureOptions;
}

export function addQueueOptions(command: Command): Command {
  return command
    .option(
      "--ordered <queue>",
      "this one keeps the order of each key; repeat it, or list with commas",
      names,
    )
    .option("--max-attempts <n>", "the most that any job on them has (default: 5)", whole(1))
    .option(
      "--lease <duration>",
      "how long a message is held without an extension (default: 30s)",
      positiveDuration,
    );
}

/** The queues that are named, or else those of the configuration. */
export function wantedQueues(
  given: readonly string[],
  { worker }: Loaded,
  { ordered = [], maxAttempts, lease }: QueueFlags,
): readonly Wanted[] {
  const all = [...new Set([...(given.length > 0 ? given : (worker.queues ?? [])), ...ordered])];
  if (all.length === 0) {
    throw new QueueError("config", "No queue: name one, or worker.queues in the configuration.");
  }
  const isOrdered = new Set([...ordered, ...(worker.ordered ?? [])]);
  return all.map((name) => ({
    name,
    options: {
      ordering: isOrdered.has(name) ? ("by_key" as const) : ("none" as const),
      maxAttempts,
      leaseMs: lease ?? worker.leaseMs,
    },
  }));
}
