import { Command } from "commander";
import type { DeadLetterFilter, DeadLetters } from "../../src/queue/dead-letters.ts";
import { ownerQueue } from "../../src/driver/names.ts";
import { isQueueError, QueueError } from "../../src/errors.ts";
import { loadConfig } from "../lib/config-file.ts";
import { openConfigured } from "../lib/open.ts";
import { addConfigOptions, type ConfigFlags, type JsonFlags, names } from "../lib/options.ts";
import { onSignals } from "../lib/signals.ts";
import { since } from "../lib/since.ts";

/** The flags that select dead letters. They are the same in every command of `dlq` that reads several. */
export interface FilterFlags extends ConfigFlags, JsonFlags {
  readonly id?: readonly string[];
  readonly type?: string;
  readonly reason?: string;
  readonly group?: string;
  readonly since?: Date;
}

/** Meaning of exit code 1 in every command of `dlq`. */
export const FAILED = "the queue does not exist, the provider failed, or a signal ended the command early";

/** Starts a command of `dlq` with its argument, the queue. */
export function deadLetterCommand(name: string, summary: string, description: string): Command {
  return new Command(name)
    .summary(summary)
    .description(description)
    .argument("<queue>", "name of the queue that the messages came from, such as emails");
}

/** Adds the flags of {@link FilterFlags} and those of the configuration. */
export function addFilterOptions(command: Command): Command {
  command
    .optionsGroup("Filters (a dead letter has to match all of them):")
    .option("--id <id>", "message id; repeat the flag, or separate ids with commas", names)
    .option("-t, --type <type>", "job type, such as send_welcome_email")
    .option("--reason <reason>", "reason, such as max_attempts, permanent_error or broker")
    .option("-g, --group <fingerprint>", "group that failed alike, by its fingerprint from dlq groups")
    .option(
      "--since <when>",
      "dead-lettered since then: a duration such as 2h, or a time such as 2026-01-31T12:00Z (UTC without a zone)",
      since,
    );
  return addConfigOptions(command);
}

/** The filter that the flags of {@link addFilterOptions} describe. */
export function filterOf({ id, type, reason, group, since: from }: FilterFlags): DeadLetterFilter {
  return { ids: id, type, reason, fingerprint: group, since: from };
}

/**
 * A filter without the dead letters that arrive later. While a question is open, more may arrive: the count in the question
 * does not have them, so they must be kept.
 */
export function presentOnly(filter: DeadLetterFilter, now: Date = new Date()): DeadLetterFilter {
  return { ...filter, until: now };
}

/** The dead letters of one queue, with their connection. Disposing closes it. */
export interface OpenedDeadLetters extends AsyncDisposable {
  readonly deadLetters: DeadLetters;
  /** Number of dead letters; undefined if the provider does not report it. */
  readonly total: number | undefined;
  /** Aborts on the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
}

/**
 * Opens the dead letters of a queue.
 * @throws QueueError `not_found` if the queue does not exist, `config` if the configuration is invalid
 */
export async function openDeadLetters(name: string, flags: ConfigFlags): Promise<OpenedDeadLetters> {
  const config = await loadConfig(flags);
  const queue = await openConfigured(config);
  try {
    // Other errors are ignored: the total is for the progress bar, and its permission is not needed for the rest.
    const stats = await queue.stats(name).catch((error: unknown) => {
      if (isQueueError(error, "not_found")) throw withOwner(error, name);
    });
    const interrupt = onSignals();
    return {
      deadLetters: queue.deadLetters(name),
      total: stats?.failed,
      signal: interrupt.signal,
      async [Symbol.asyncDispose]() {
        interrupt[Symbol.dispose]();
        await queue.close();
      },
    };
  } catch (error) {
    await queue.close();
    throw error;
  }
}

/** Adds the queue that was meant, if the name is that of a dead-letter queue. */
function withOwner(error: QueueError, name: string): QueueError {
  const owner = ownerQueue(name, "-dlq");
  if (owner === undefined) return error;
  const sentence = `${error.message} Pass the queue that the messages came from: ${owner}.`;
  return new QueueError(error.code, sentence, { queue: name, cause: error });
}
