import { AssertionError } from "node:assert";
import { type Clock, sleep, systemClock } from "../../clock.ts";
import type { VirtualClock } from "../harness.ts";

/** Between two looks at a condition, where time cannot be turned. */
const LOOK_MS = 10;

/** The time of a case: turned where the backend lets it be turned, waited for elsewhere. */
export class CaseTime {
  readonly clock: Clock;
  readonly #virtual: VirtualClock | undefined;

  constructor(virtual: VirtualClock | undefined) {
    this.clock = virtual ?? systemClock;
    this.#virtual = virtual;
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
    const end = this.now() + withinMs;
    for (;;) {
      await this.#virtual?.settle();
      if (await condition()) return;
      const failed = failure();
      if (failed !== undefined) throw failed;
      if (this.now() >= end) break;
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
