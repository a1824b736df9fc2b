import type { Clock } from "./clock.ts";

/**
 * Settles as `work` does, or after `ms` as `late` does. The result of `work` is discarded after that.
 * @param keepAlive whether the process stays alive meanwhile. @default false
 */
export function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: () => T,
  keepAlive: boolean = false,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(
      ms,
      () => {
        try {
          resolve(late());
        } catch (error) {
          reject(error);
        }
      },
      keepAlive,
    );
    work.then(
      (result) => {
        timer.cancel();
        resolve(result);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}

/** Settles as `work` does, or with undefined as soon as `signal` aborts. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(undefined);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Resolves when `signal` aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/**
 * Resolves when every promise has settled.
 * @throws the reason of the first in the list that was rejected
 */
export async function allEnded(works: readonly Promise<unknown>[]): Promise<void> {
  const ends = await Promise.allSettled(works);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
