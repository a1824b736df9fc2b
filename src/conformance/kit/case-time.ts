import { AssertionError } from "node:assert";
import { type Clock, sleep, systemClock } from "../../lib/clock.ts";
import type { VirtualClock } from "../harness.ts";
import { Stalls } from "./stalls.ts";

/** Interval at which a condition is checked in real time. */
const CHECK_MS = 10;
/** Factor on the time for which this process stood still: a busy machine may have stopped the server for as long. */
const STALL_FACTOR = 2;

/** A wait for a condition. */
export interface Wait {
  /** Name of the thing that is waited for, as a noun phrase: `the third run`. */
  readonly subject: string;
  readonly condition: () => boolean | Promise<boolean>;
  readonly withinMs: number;
  /** The state at the time of a failure, for its message. */
  readonly state?: (() => string) | undefined;
  /** An error that ends the wait early; undefined while there is none. */
  readonly failure?: (() => unknown) | undefined;
}

/** The time of one case. A virtual clock is moved on; in real time, the case waits. */
export class CaseTime {
  readonly clock: Clock;
  readonly #virtual: VirtualClock | undefined;
  readonly #stalls: Stalls | undefined;
  readonly #waits = new Set<Wait>();

  constructor(virtual: VirtualClock | undefined) {
    this.clock = virtual ?? systemClock;
    this.#virtual = virtual;
    this.#stalls = virtual === undefined ? new Stalls(() => this.now()) : undefined;
  }

  /** Milliseconds by which a thing may be later because this process stood still between two moments. */
  excusedMs(from: number, to: number): number {
    return STALL_FACTOR * (this.#stalls?.between(from, to) ?? 0);
  }

  get stalledMs(): number {
    return this.#stalls?.between(0, this.now()) ?? 0;
  }

  /** The subjects of the waits that go on now. */
  get waitsFor(): readonly string[] {
    return [...this.#waits].map(({ subject }) => subject);
  }

  close(): void {
    this.#stalls?.close();
  }

  now(): number {
    return this.clock.now();
  }

  /** Lets this much time pass, with everything that happens in it. */
  async pass(ms: number): Promise<void> {
    if (this.#virtual === undefined) return sleep(this.clock, ms);
    await this.#virtual.advance(ms);
    await this.#virtual.settle();
  }

  /** Resolves once the condition holds. Rejects if it does not within `withinMs`, or as soon as `failure` returns an error. */
  async until(wait: Wait): Promise<void> {
    this.#waits.add(wait);
    try {
      await this.#until(wait);
    } finally {
      this.#waits.delete(wait);
    }
  }

  async #until({ subject, condition, withinMs, state, failure }: Wait): Promise<void> {
    const from = this.now();
    const end = from + withinMs;
    for (;;) {
      await this.#virtual?.settle();
      if (await condition()) return;
      const failed = failure?.();
      if (failed !== undefined) throw failed;
      const now = this.now();
      if (now >= end && now >= end + this.excusedMs(from, now)) break;
      await this.#step(end);
    }
    const after = state === undefined ? "" : `; ${state()}`;
    throw new AssertionError({ message: `${subject}: not within ${withinMs} ms${after}` });
  }

  #step(end: number): Promise<void> {
    if (this.#virtual === undefined) return sleep(this.clock, CHECK_MS);
    const next = this.#virtual.nextTimerAt ?? end;
    return this.#virtual.advance(Math.max(0, Math.min(next, end) - this.now()));
  }
}
