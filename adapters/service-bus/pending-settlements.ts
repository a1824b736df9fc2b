import { type Clock, DriverError, InFlightSet, type Member, type Timer } from "../../src/driver/index.ts";

/** Time that a settlement waits for its answer. The SDK would wait up to a minute, longer than most locks last. */
const ANSWER_TIMEOUT_MS = 10_000;

/** A settlement that Service Bus has not answered yet. */
export class PendingSettlement {
  /** Milliseconds of the monotonic clock. */
  readonly expiresAt: number;
  /** Aborts when the link of the settlement is gone. `undefined` for a settlement that does not use a link. */
  readonly linkGone: AbortSignal | undefined;
  readonly onLost: (error: DriverError) => void;
  member: Member<PendingSettlement> | undefined;

  constructor(expiresAt: number, linkGone: AbortSignal | undefined, onLost: (error: DriverError) => void) {
    this.expiresAt = expiresAt;
    this.linkGone = linkGone;
    this.onLost = onLost;
  }
}

/** Settlements that wait for their answers. They share one timer, and one abort listener per link. */
export class PendingSettlements {
  readonly #clock: Clock;
  readonly #pending = new InFlightSet<PendingSettlement>();
  readonly #links = new WeakSet<AbortSignal>();
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Starts to wait for an answer. Calls `onLost` once if {@link finish} is not called within 10 s, or if the link is gone
   * before.
   */
  start(linkGone: AbortSignal | undefined, onLost: (error: DriverError) => void): PendingSettlement {
    const settlement = new PendingSettlement(this.#clock.monotonic() + ANSWER_TIMEOUT_MS, linkGone, onLost);
    settlement.member = this.#pending.add(settlement);
    this.#timer ??= this.#clock.timer(ANSWER_TIMEOUT_MS, () => this.#expire());
    if (linkGone !== undefined && !this.#links.has(linkGone)) {
      this.#links.add(linkGone);
      linkGone.addEventListener("abort", () => this.#loseLink(linkGone), { once: true });
    }
    return settlement;
  }

  /** Ends the wait for an answer. Returns false if the settlement was reported as lost before. */
  finish({ member }: PendingSettlement): boolean {
    const wasPending = member !== undefined && this.#pending.remove(member);
    if (this.#pending.size === 0) this.#disarm();
    return wasPending;
  }

  #expire(): void {
    this.#disarm();
    const now = this.#clock.monotonic();
    let next = Number.POSITIVE_INFINITY;
    for (const settlement of this.#pending.all()) {
      if (settlement.expiresAt <= now) this.#lose(settlement, `no answer within ${ANSWER_TIMEOUT_MS} ms`);
      else next = Math.min(next, settlement.expiresAt);
    }
    if (this.#pending.size > 0) this.#timer ??= this.#clock.timer(next - now, () => this.#expire());
  }

  #loseLink(linkGone: AbortSignal): void {
    for (const settlement of this.#pending.all())
      if (settlement.linkGone === linkGone) this.#lose(settlement, "the link was closed before the answer");
  }

  #lose(settlement: PendingSettlement, reason: string): void {
    if (this.finish(settlement))
      settlement.onLost(new DriverError("ambiguous", `The settlement is not confirmed: ${reason}`));
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
