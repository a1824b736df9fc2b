import type { Command } from "commander";
import { defaults } from "../../src/defaults.ts";
import { reservedNameProblem } from "../../src/driver/names.ts";
import { QueueError } from "../../src/errors.ts";
import type { EnsureOptions } from "../../src/queue/queue.ts";
import type { ConfigParts } from "../../adapters/config-file.ts";
import { durationText, names, positiveDuration, whole } from "./options.ts";

/** Adds the argument `[queue...]`, whose default is in the configuration. */
export function addQueuesArgument(command: Command): Command {
  return command.argument(
    "[queue...]",
    "names of queues, separated by spaces or commas (default: worker.queues in the configuration)",
    names,
  );
}

/**
 * The queues that the command line names, or else those of the configuration; each once.
 * @throws QueueError `config` if neither names a queue, or if one is reserved for another, as `emails-dlq` is for `emails`
 */
export function queuesOf(given: readonly string[], { worker }: ConfigParts): readonly string[] {
  const queues = given.length > 0 ? given : (worker.queues ?? []);
  const problem = reservedNameProblem(queues);
  if (problem !== undefined) throw new QueueError("config", `queues: ${problem}.`);
  if (queues.length > 0) return [...new Set(queues)];
  throw new QueueError(
    "config",
    "No queue is named: pass at least one, or set worker.queues in the configuration.",
  );
}

/** The flags that state which settings queues are meant to have. `provision` and `doctor` share them. */
export interface QueueFlags {
  readonly ordered?: readonly string[];
  readonly maxAttempts?: number;
  /** Milliseconds. */
  readonly lease?: number;
}

/** A queue with the settings that it is meant to have. */
export interface QueueTarget {
  readonly name: string;
  readonly options: EnsureOptions;
}

/** Adds the flags of {@link QueueFlags}. */
export function addQueueOptions(command: Command): Command {
  return command
    .optionsGroup("Queue settings:")
    .option(
      "--ordered <queue>",
      "queue that keeps the order of messages with one ordering key, such as orders.fifo; repeat the flag, or separate names with commas",
      names,
    )
    .option(
      "--max-attempts <n>",
      `largest number of attempts that any job in these queues has (default: ${defaults.maxAttempts})`,
      whole(1),
    )
    .option(
      "--lease <duration>",
      `time that a message is leased without an extension, such as 60s (default: ${durationText(defaults.leaseMs)})`,
      positiveDuration,
    );
}

/**
 * The queues of {@link queuesOf} and of `--ordered`, each with its settings.
 * @throws QueueError `config` if no queue is named
 */
export function queueTargets(
  given: readonly string[],
  config: ConfigParts,
  { ordered = [], maxAttempts, lease }: QueueFlags,
): readonly QueueTarget[] {
  const named = given.length > 0 ? given : (config.worker.queues ?? []);
  const byKey = new Set([...ordered, ...(config.worker.ordered ?? [])]);
  return queuesOf([...named, ...ordered], config).map((name) => ({
    name,
    options: {
      ordering: byKey.has(name) ? ("by_key" as const) : ("none" as const),
      maxAttempts,
      leaseMs: lease ?? config.worker.leaseMs,
    },
  }));
}
