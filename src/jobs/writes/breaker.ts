import type { Clock, Timer } from "../../lib/clock.ts";

/** Failed calls in a row from which the store counts as down. */
const FAILURES = 3;
/** Milliseconds between two probes of a store that is down. */
export const PROBE_EVERY_MS = 5_000;

/** The options of a {@link Breaker}. */
export interface BreakerOptions {
  readonly clock: Clock;
  /** Asks the store for a sign of life. Rejects if there is none, and must not wait for ever. */
  readonly probe: () => Promise<unknown>;
  /** Called when the store counts as down, with the error of the last call. */
  readonly onDown: (error: unknown) => void;
  /** Called when the store has answered again. */
  readonly onUp: () => void;
}

/**
 * Notices when a store is down, so that an outage costs a few waits and not one for each job. While it is down, nobody
 * but a probe asks it.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  #failures = 0;
  #isDown = false;
  #isClosed = false;
  #timer: Timer | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return !this.#isDown;
  }

  /** To be called when a call has failed. */
  failed(error: unknown): void {
    this.#failures += 1;
    if (this.#isDown || this.#isClosed || this.#failures < FAILURES) return;
    this.#isDown = true;
    this.#probeLater();
    this.#options.onDown(error);
  }

  /** To be called when a call was answered. */
  answered(): void {
    this.#failures = 0;
    if (!this.#isDown) return;
    this.#isDown = false;
    this.#timer?.cancel();
    this.#options.onUp();
  }

  /** Asks the store now, whether or not it counts as down. Never rejects. */
  async probe(): Promise<void> {
    try {
      await this.#options.probe();
      this.answered();
    } catch {
      // It stays as it was.
    }
  }

  /** Stops the probes. Calls that fail later start none. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #probeLater(): void {
    this.#timer = this.#options.clock.timer(PROBE_EVERY_MS, () => {
      void this.probe().then(() => {
        if (this.#isDown && this.#timer !== undefined) this.#probeLater();
      });
    });
  }
}
