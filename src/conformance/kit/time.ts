import { AssertionError } from "node:assert";
import { type Clock, sleep, systemClock } from "../../lib/clock.ts";
import type { VirtualClock } from "../harness.ts";
import { Stalls } from "./stalls.ts";

/** Between two looks at a condition, where time cannot be turned. */
const LOOK_MS = 10;
/** A machine that lets this process stand still does so to the server, too: one after the other, at worst. */
const STALLS_COUNT = 2;

/** The time of a case: turned where the backend lets it be turned, waited for elsewhere. */
export class CaseTime {
  readonly clock: Clock;
  readonly #virtual: VirtualClock | undefined;
  readonly #stalls: Stalls | undefined;

  constructor(virtual: VirtualClock | undefined) {
    this.clock = virtual ?? systemClock;
    this.#virtual = virtual;
    this.#stalls = virtual === undefined ? new Stalls(() => this.now()) : undefined;
  }

  /** How much later than otherwise a thing may happen, because this process stood still between two moments. */
  excusedMs(from: number, to: number): number {
    return STALLS_COUNT * (this.#stalls?.between(from, to) ?? 0);
  }

  get stalledMs(): number {
    return this.#stalls?.between(0, this.now()) ?? 0;
  }

  close(): void {
    this.#stalls?.close();
  }

  now(): number {
    return this.clock.now();
  }

  /** Lets so much time pass, with all that happens in it. */
  async pass(ms: number): Promise<void> {
    if (this.#virtual === undefined) return sleep(this.clock, ms);
    await this.#virtual.advance(ms);
    await this.#virtual.settle();
  }

  /** Resolves once the condition holds; rejects where it does not within `withinMs`, or `failure` has something to say. */
  async until(
    what: string,
    condition: () => boolean | Promise<boolean>,
    withinMs: number,
    failure: () => unknown = () => undefined,
  ): Promise<void> {
    const from = this.now();
    const end = from + withinMs;
    for (;;) {
      await this.#virtual?.settle();
      if (await condition()) return;
      const failed = failure();
      if (failed !== undefined) throw failed;
      const now = this.now();
      if (now >= end && now >= end + this.excusedMs(from, now)) break;
      await this.#step(end);
    }
    throw new AssertionError({ message: `${what}: not within ${withinMs} ms` });
  }

  #step(end: number): Promise<void> {
    if (this.#virtual === undefined) return sleep(this.clock, LOOK_MS);
    const next = this.#virtual.nextTimerAt ?? end;
    return this.#virtual.advance(Math.max(0, Math.min(next, end) - this.now()));
  }
}
