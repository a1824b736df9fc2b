/**
 * Waits for a request only until the signal aborts, and then settles with what `onAbort` returns or throws.
 * The request itself goes on; how it ends is no longer anybody's concern.
 */
export function untilAborted<T>(request: Promise<T>, signal: AbortSignal, onAbort: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      try {
        resolve(onAbort());
      } catch (error) {
        reject(error);
      }
    };
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    request.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
