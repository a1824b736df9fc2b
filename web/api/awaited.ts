import type { Clock } from "../../src/lib/clock.ts";

/**
 * A promise that is waited for many times, each time up to a limit. It has one reaction, however often it is waited for: an
 * event that does not come for days would collect one for each heartbeat otherwise.
 */
export class Awaited<T> {
  #settled: { readonly value: T } | { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(promise: Promise<T>) {
    const settle = (settled: { readonly value: T } | { readonly error: unknown }): void => {
      this.#settled = settled;
      this.#wake?.();
    };
    promise.then(
      (value) => settle({ value }),
      (error: unknown) => settle({ error }),
    );
  }

  /** Settles as the promise does; resolves with undefined after `ms`, or when the signal aborts. One call at a time. */
  async within(clock: Clock, ms: number, signal: AbortSignal): Promise<T | undefined> {
    if (this.#settled === undefined && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          timer.cancel();
          signal.removeEventListener("abort", wake);
          this.#wake = undefined;
          resolve();
        };
        const timer = clock.timer(ms, wake);
        signal.addEventListener("abort", wake, { once: true });
        this.#wake = wake;
      });
    }
    if (this.#settled === undefined) return undefined;
    if ("error" in this.#settled) throw this.#settled.error;
    return this.#settled.value;
  }
}
