import { QueueError } from "../errors.ts";
import type { Message } from "../message/message.ts";
import type { JobContext, Middleware } from "./types.ts";

/**
 * Runs a job through the middleware from `index` on, and then its handler. Settles when all of them have ended, even if
 * a middleware does not wait for `next`. The message must be neither acknowledged nor retried while a part of the run
 * goes on.
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
    "A middleware called next a second time, which would run the job twice in one attempt. To have the job retried, throw from the middleware.",
  );
}
