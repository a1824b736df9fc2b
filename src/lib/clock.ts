/** A pending timer of a {@link Clock}. */
export interface Timer {
  /** Stops the timer; after it has fired, does nothing. */
  cancel(): void;
}

/**
 * Time as a parameter: everything in queueport that waits or reads the time does it through this. To turn it by hand,
 * take `FakeClock` of `queueport/testing`: what receives is loaded with it, where the first `receive` on another
 * clock may take a moment of real time.
 */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /**
   * Calls `run` once after `ms` milliseconds.
   * @param keepAlive whether this timer alone keeps the process alive. @default false
   */
  timer(ms: number, run: () => void, keepAlive?: boolean): Timer;
}

/** Node takes no longer timeout than this; a longer one is re-armed on the way. */
const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  timer(ms, run, keepAlive = false) {
    let handle: NodeJS.Timeout;
    const arm = (remaining: number): void => {
      const step = Math.min(remaining, LONGEST_TIMEOUT_MS);
      handle = setTimeout(() => (step < remaining ? arm(remaining - step) : run()), step);
      if (!keepAlive) handle.unref();
    };
    arm(Math.max(0, ms));
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Resolves after `ms`, or as soon as `signal` aborts. It never rejects: who waits looks at the signal.
 * It keeps the process alive, since somebody waits for it.
 */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.timer(ms, done, true);
    signal?.addEventListener("abort", done, { once: true });
  });
}
