import { QueueError } from "../errors.ts";
import { handled } from "../lib/rejection.ts";
import type { Message } from "../message/message.ts";
import { isDisposition } from "../queue/disposition.ts";
import type { JobContext, Middleware } from "./types.ts";

/** A job on its way through the middleware. */
export interface WrappedJob {
  readonly message: Message;
  readonly context: JobContext;
}

/**
 * Runs a job through the middleware from `index` on, and then its handler. Settles when all of them have ended, even if
 * a middleware does not wait for `next`: the message must be neither acknowledged nor retried while a part of the run
 * goes on. Rejects if any of them failed. A middleware can replace the error of what it wraps by throwing another one,
 * but cannot hide it.
 *
 * @param onLate called with the error if a middleware calls `next` after it has ended, when nobody awaits the run
 */
export async function through(
  middleware: readonly Middleware[],
  job: WrappedJob,
  handle: () => unknown,
  onLate: (error: QueueError) => void,
  index: number = 0,
): Promise<void> {
  const wrap = middleware[index];
  if (wrap === undefined) {
    await handle();
    return;
  }
  let rest: Promise<void> | undefined;
  let isCalledTwice = false;
  let hasEnded = false;
  let returned: unknown;
  const next = (): Promise<void> => {
    if (rest === undefined && !hasEnded) {
      rest = through(middleware, job, handle, onLate, index + 1);
      return handled(rest);
    }
    const error = rest === undefined ? late() : twice();
    if (hasEnded) onLate(error);
    else isCalledTwice = true;
    return handled(Promise.reject(error));
  };
  try {
    returned = await wrap(job, next);
  } catch (error) {
    await rest?.catch(() => undefined);
    throw error;
  } finally {
    hasEnded = true;
  }
  await rest;
  if (isCalledTwice) throw twice();
  // Without a run, the disposition is all there is, and the job would be acknowledged.
  if (rest === undefined && isDisposition(returned)) throw dispositionReturned(returned.kind);
}

function twice(): QueueError {
  return new QueueError(
    "invalid_options",
    "A middleware called next a second time, which would run the job twice in one attempt. To have the job retried, throw from the middleware.",
  );
}

function late(): QueueError {
  return new QueueError(
    "invalid_options",
    "A middleware called next after it had ended. The job is settled by then, so its handler was not called. Await next inside the middleware.",
  );
}

function dispositionReturned(kind: string): QueueError {
  return new QueueError(
    "invalid_options",
    `A middleware returned a disposition of the kind "${kind}" in place of a run, but its return value decides nothing. Throw PermanentError to dead-letter the job, RetryAfterError or any other error to retry it. Dispositions belong to handlers of queue.receive.`,
  );
}
