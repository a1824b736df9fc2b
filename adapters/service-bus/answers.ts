import { type Clock, DriverError, type Member, InFlightSet, type Timer } from "../../src/driver/index.ts";

/** The SDK waits up to a minute for an answer, which is longer than most locks last. */
const ANSWER_MS = 10_000;

/** One settlement whose answer has not come. */
export class Awaited {
  /** Epoch milliseconds. */
  readonly until: number;
  readonly link: AbortSignal | undefined;
  readonly lost: (error: DriverError) => void;
  place: Member<Awaited> | undefined;

  constructor(until: number, link: AbortSignal | undefined, lost: (error: DriverError) => void) {
    this.until = until;
    this.link = link;
    this.lost = lost;
  }
}

/** Settlements that wait for their answers: one timer for all of them, and one listener a link. */
export class Answers {
  readonly #clock: Clock;
  readonly #awaited = new InFlightSet<Awaited>();
  readonly #links = new WeakSet<AbortSignal>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `lost`, once, where {@link came} is not called in time, or where `link` is gone before. */
  expect(link: AbortSignal | undefined, lost: (error: DriverError) => void): Awaited {
    const awaited = new Awaited(this.#clock.now() + ANSWER_MS, link, lost);
    awaited.place = this.#awaited.add(awaited);
    this.#timer ??= this.#clock.timer(ANSWER_MS, () => this.#giveUp());
    if (link !== undefined && !this.#links.has(link)) {
      this.#links.add(link);
      link.addEventListener("abort", () => this.#gone(link), { once: true });
    }
    return awaited;
  }

  /** False where it came too late: the settlement was given up. */
  came({ place }: Awaited): boolean {
    const wasAwaited = place !== undefined && this.#awaited.remove(place);
    if (this.#awaited.size === 0) this.#disarm();
    return wasAwaited;
  }

  #giveUp(): void {
    this.#disarm();
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const awaited of this.#awaited.all()) {
      if (awaited.until <= now) this.#lose(awaited, `not within ${ANSWER_MS} ms`);
      else next = Math.min(next, awaited.until);
    }
    if (this.#awaited.size > 0) this.#timer ??= this.#clock.timer(next - now, () => this.#giveUp());
  }

  #gone(link: AbortSignal): void {
    for (const awaited of this.#awaited.all())
      if (awaited.link === link) this.#lose(awaited, "the link was closed");
  }

  #lose(awaited: Awaited, why: string): void {
    if (this.came(awaited))
      awaited.lost(new DriverError("ambiguous", `The settlement was not answered: ${why}`));
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
