import { QueueError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { JobContext, Middleware } from "./types.ts";

/**
 * Runs a job through middleware, from the one at `index` on, to its handler. It settles when all of that has ended:
 * what a middleware has started and not waited for is a part of the run, and the message must not be acknowledged,
 * nor run again, meanwhile.
 */
export async function through(
  middleware: readonly Middleware[],
  job: { readonly message: Message; readonly context: JobContext },
  handle: () => unknown,
  index: number = 0,
): Promise<void> {
  const wrap = middleware[index];
  if (wrap === undefined) {
    await handle();
    return;
  }
  let rest: Promise<void> | undefined;
  let running = false;
  const next = (): Promise<void> => {
    if (rest !== undefined) return Promise.reject(twice());
    running = true;
    rest = through(middleware, job, handle, index + 1).finally(() => {
      running = false;
    });
    return rest;
  };
  try {
    await wrap(job, next);
  } catch (error) {
    await rest?.catch(() => undefined);
    throw error;
  }
  if (running) await rest;
}

function twice(): QueueError {
  return new QueueError(
    "invalid_options",
    "A middleware called next a second time: that would run the job twice in one attempt. Let it throw, to have the job tried again.",
  );
}
