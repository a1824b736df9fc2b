import { openQueue } from "../../adapters/open.ts";
import type { DeadLetters } from "../../src/queue/dead-letters.ts";
import { isQueueError } from "../../src/errors.ts";
import { loadConfig } from "../lib/config-file.ts";
import type { SourceFlags } from "../lib/options.ts";

/** The dead letters of one queue, and how many there are, as far as the provider says. */
export interface Opened extends AsyncDisposable {
  readonly letters: DeadLetters;
  readonly total: number | undefined;
}

/** Opens the queue of the configuration. Rejects `not_found` where there is none of that name. */
export async function openLetters(name: string, flags: SourceFlags): Promise<Opened> {
  const config = await loadConfig(flags);
  const queue = await openQueue(config.queue);
  try {
    // For the progress bar alone: who may not read counts may work on dead letters all the same.
    const stats = await queue.stats(name).catch((error: unknown) => {
      if (isQueueError(error, "not_found")) throw error;
    });
    return {
      letters: queue.deadLetters(name),
      total: stats?.failed,
      [Symbol.asyncDispose]: () => queue.close(),
    };
  } catch (error) {
    await queue.close();
    throw error;
  }
}
