import { type Clock, DriverError, type Timer } from "../../../src/driver/index.ts";

/** One request that is under way. */
export interface Request {
  /** Rejects as `ambiguous` when the time limit has passed. Never resolves. */
  readonly late: Promise<never>;
  end(): void;
}

interface Waiting {
  readonly action: string;
  readonly until: number;
  readonly reject: (error: DriverError) => void;
}

/**
 * The time limit of all requests of one connection, with one timer. A connection on which one answer is late has lost all
 * of them: the answers come in the order of the requests.
 */
export class RequestTimer {
  readonly #clock: Clock;
  readonly #limitMs: number;
  readonly #on: { readonly onBusy: (isBusy: boolean) => void; readonly onLate: () => void };
  /** In the order of their beginning, and so of their limits. */
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;

  /** @param on `onBusy` hears whether requests are under way, `onLate` that a limit has passed */
  constructor(
    clock: Clock,
    limitMs: number,
    on: { readonly onBusy: (isBusy: boolean) => void; readonly onLate: () => void },
  ) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#on = on;
  }

  begin(action: string): Request {
    let reject: (error: DriverError) => void = () => {};
    const late = new Promise<never>((_, fail) => {
      reject = fail;
    });
    // Most requests end in time, and nobody looks at the promise.
    late.catch(() => {});
    const waiting: Waiting = { action, until: this.#clock.monotonic() + this.#limitMs, reject };
    if (this.#waiting.size === 0) this.#on.onBusy(true);
    this.#waiting.add(waiting);
    if (this.#timer === undefined) this.#timer = this.#clock.timer(this.#limitMs, () => this.#onTime());
    return {
      late,
      end: () => {
        if (this.#waiting.delete(waiting) && this.#waiting.size === 0) this.#on.onBusy(false);
      },
    };
  }

  /** The timer is not moved at each request: it looks at the oldest one when it fires. */
  #onTime(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    const [oldest] = this.#waiting;
    if (oldest === undefined) return;
    if (oldest.until > now) {
      this.#timer = this.#clock.timer(oldest.until - now, () => this.#onTime());
      return;
    }
    for (const { action, reject } of this.#waiting)
      reject(
        new DriverError(
          "ambiguous",
          `${action}: the server did not answer within ${this.#limitMs} ms; the connection is built again`,
        ),
      );
    this.#on.onLate();
  }
}
