import type { Logger } from "pino";
import type { Worker } from "../../src/worker/worker.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { printError } from "../lib/output.ts";

/** A module of the user's may hold something that keeps the process alive after all of ours is closed. */
const LINGER_MS = 1_000;
/** Node takes no longer timeout than this, some 25 days. */
const LONGEST_MS = 2_147_483_647;

/** Waits for `closing`, but no longer than this: a job that would not end must not hold up the exit. */
export async function within(ms: number, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([closing, enough]);
  clearTimeout(timer);
}

/** How long a shutdown may take. */
export interface Patience {
  /** For jobs: the drain and its grace. */
  readonly jobsMs: number;
  /** After that, for a last poll to come back and for hooks, where no job runs any more. */
  readonly restMs: number;
}

/**
 * Exits with 3 where a shutdown is not done in time, whatever holds it up: a job that would not end must not cost the
 * process its own end. Returns what calls it off.
 */
export function exitAfter({ jobsMs, restMs }: Patience, worker: Worker, logger: Logger): () => void {
  const exit = (sentence: string): void => {
    logger.error(sentence);
    printError(sentence, false);
    process.exit(exitCodes.drainIncomplete);
  };
  const jobs = setTimeout(
    () => {
      const { running, stuck } = worker.health();
      if (running === 0) return;
      const names = stuck.map(({ type, id }) => `${type} ${id}`).join(", ");
      const which = names === "" ? "" : `: ${names}`;
      exit(`The drain did not end within ${jobsMs} ms; ${running} job(s) still run${which}.`);
    },
    Math.min(jobsMs, LONGEST_MS),
  );
  const rest = setTimeout(
    () => {
      exit("The shutdown did not end: no job runs, but a poll, a connection or onStop does.");
    },
    Math.min(jobsMs + restMs, LONGEST_MS),
  );
  return () => {
    clearTimeout(jobs);
    clearTimeout(rest);
  };
}

/** An error that nobody caught leaves the process in an unknown state: it is logged, and leases run out by themselves. */
export function exitOnCrash(logger: Logger): void {
  process.on("uncaughtException", (error, origin) => {
    logger.fatal({ err: error, origin }, "an error that nobody caught; exiting");
    printError(error, false);
    process.exit(exitCodes.failure);
  });
}

/** Leaves Node to end by itself, and ends it where a module of the user's does not let it. */
export function exitEvenIfHeld(logger: Logger): void {
  setTimeout(() => {
    const resources = [...new Set(process.getActiveResourcesInfo())];
    logger.warn({ resources }, "something kept the process alive after the worker had stopped; exiting");
    process.exit();
  }, LINGER_MS).unref();
}
