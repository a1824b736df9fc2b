import type { Clock, Timer } from "../../src/lib/clock.ts";
import { FakeClock } from "../../src/testing/index.ts";

interface Entry {
  readonly at: number;
  readonly run: () => void;
  timer: Timer | undefined;
}

/**
 * One process's clock: the world's with its own skew. It can be stopped for good, as the death of its process does;
 * what was left of the process is then played out on a clock of its own, when nothing depends on it any more.
 */
export class ProcessClock implements Clock {
  readonly #skewMs: number;
  readonly #pending = new Set<Entry>();
  #host: FakeClock | undefined;
  #frozenAt = 0;

  constructor(world: FakeClock, skewMs: number) {
    this.#host = world;
    this.#skewMs = skewMs;
  }

  now(): number {
    return (this.#host?.now() ?? this.#frozenAt) + this.#skewMs;
  }

  /** Timers that have neither fired nor been cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  timer(ms: number, run: () => void): Timer {
    const entry: Entry = { at: this.now() - this.#skewMs + Math.max(0, ms), run, timer: undefined };
    this.#pending.add(entry);
    this.#arm(entry);
    return {
      cancel: () => {
        entry.timer?.cancel();
        this.#pending.delete(entry);
      },
    };
  }

  freeze(): void {
    this.#frozenAt = this.#host?.now() ?? this.#frozenAt;
    this.#host = undefined;
    for (const { timer } of this.#pending) timer?.cancel();
  }

  /** Goes on by a clock that it returns. */
  thaw(): FakeClock {
    const host = new FakeClock({ start: this.#frozenAt });
    this.#host = host;
    for (const entry of this.#pending) this.#arm(entry);
    return host;
  }

  #arm(entry: Entry): void {
    const host = this.#host;
    if (host === undefined) return;
    entry.timer = host.timer(entry.at - host.now(), () => {
      this.#pending.delete(entry);
      entry.run();
    });
  }
}
