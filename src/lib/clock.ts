/** A pending timer of a {@link Clock}. */
export interface Timer {
  /** Stops the timer; after it has fired, does nothing. */
  cancel(): void;
}

/**
 * Time as a parameter: everything in queueport that waits or reads the time uses a clock. `now` is for times that are
 * written down or shared with other machines; `monotonic` is for everything that is measured in this process, such as
 * deadlines, leases, pauses and the age of a cache. It does not change if the machine's time is set. Tests turn `FakeClock` of
 * `queueport/testing` by hand. `FakeClock` also loads the receiving code; on any other clock, the first `receive` takes a
 * moment of real time to load it.
 */
export interface Clock {
  /** The time of day, in milliseconds since the Unix epoch. Jumps, also backwards, if the machine's time is set. */
  now(): number;
  /**
   * Milliseconds since a fixed, arbitrary time in the past; more than 0. Never decreases, and advances as the timers do. As `performance.now`, it
   * may stand still while the machine is suspended.
   */
  monotonic(): number;
  /**
   * Calls `run` once after `ms` milliseconds.
   * @param keepAlive whether the timer keeps the process alive. @default false
   */
  timer(ms: number, run: () => void, keepAlive?: boolean): Timer;
}

/**
 * Longest timeout of Node in milliseconds, a signed 32-bit integer (https://nodejs.org/api/timers.html, 2026-11). Node
 * makes a longer one a timeout of 1 ms. {@link systemClock} re-arms its timers on the way.
 */
export const LONGEST_TIMEOUT_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // Whole milliseconds, as `Date.now` has: they are shown in events and errors, and a timer is no more exact.
  monotonic: () => Math.floor(performance.now()),
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
 * Resolves after `ms`, or as soon as `signal` aborts. Never rejects: the caller checks the signal. Keeps the process
 * alive.
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
