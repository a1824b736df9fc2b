import { DriverError } from "./error.ts";

/** Settles as `work` does, or rejects with `reason()` as soon as `signal` aborts. The work itself goes on. */
export function rejectOnAbort<T>(work: Promise<T>, signal: AbortSignal, reason: () => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reason());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/**
 * Implements the abort of `Driver.send`: makes a request that cannot be recalled, and stops waiting for it. The request
 * is not made if `signal` was aborted before.
 *
 * @throws DriverError `ambiguous` as soon as `signal` aborts, since the request may be carried out
 */
export async function sendUntilAborted<T>(
  queue: string,
  signal: AbortSignal,
  send: () => Promise<T>,
): Promise<T> {
  const aborted = (): DriverError =>
    new DriverError("ambiguous", `A send to queue "${queue}" was aborted; it may have been carried out.`, {
      cause: signal.reason,
    });
  if (signal.aborted) throw aborted();
  return rejectOnAbort(send(), signal, aborted);
}
