import type { Log, Logger } from "../../src/lib/logger.ts";
import { LONGEST_TIMEOUT_MS } from "../../src/lib/clock.ts";
import type { Worker } from "../../src/worker/worker.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { printError } from "../lib/output.ts";

/** Time that the process gets to end on its own after the worker has stopped. A user's module may keep it alive. */
const LINGER_MS = 500;

/** Waits for `closing`, but at most `ms` milliseconds, so that a job that never ends does not prevent the exit. */
export async function within(ms: number, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMEOUT_MS));
  });
  await Promise.race([closing, enough]);
  clearTimeout(timer);
}

/** The time limits of a shutdown. */
export interface ShutdownLimits {
  /** Milliseconds for running jobs: the drain and its grace. */
  readonly jobsMs: number;
  /** Milliseconds for everything: the jobs, the last poll and hooks. */
  readonly totalMs: number;
}

/** Exits with code 3 when a shutdown exceeds its limits, whatever prevents it. Returns a function that cancels the exit. */
export function exitAfter(
  { jobsMs, totalMs }: ShutdownLimits,
  worker: Pick<Worker, "health">,
  logger: Logger,
): () => void {
  const exit = (sentence: string): void => {
    logger.error(sentence);
    printError(sentence, false);
    process.exit(exitCodes.drainIncomplete);
  };
  const jobs = setTimeout(
    () => {
      const health = worker.health();
      if (health.running === 0) return;
      const names = health.stuck.map(({ type, id }) => `${type} ${id}`).join(", ");
      const which = names === "" ? "" : `: ${names}`;
      exit(`The drain did not end within ${jobsMs} ms; ${health.running} job(s) still run${which}.`);
    },
    Math.min(jobsMs, LONGEST_TIMEOUT_MS),
  );
  const rest = setTimeout(
    () => {
      exit("The shutdown did not end: no job runs, but a poll, a connection or onStop is still open.");
    },
    Math.min(totalMs, LONGEST_TIMEOUT_MS),
  );
  return () => {
    clearTimeout(jobs);
    clearTimeout(rest);
  };
}

/** Logs an uncaught error and exits with code 1, since the process is in an unknown state. Its leases expire. */
export function exitOnCrash(logger: { readonly fatal: Log }): void {
  process.on("uncaughtException", (error, origin) => {
    logger.fatal({ err: error, origin }, "uncaught error; exiting");
    printError(error, false);
    process.exit(exitCodes.failure);
  });
}

/** Ends the process half a second after the worker has stopped, if a user's module keeps it alive. */
export function exitEvenIfHeld(logger: Logger): void {
  setTimeout(() => {
    const resources = [...new Set(process.getActiveResourcesInfo())];
    logger.warn({ resources }, "the worker has stopped, but something keeps the process alive; exiting");
    process.exit();
  }, LINGER_MS).unref();
}
