import { type Backoff, backoffDelayMs } from "../backoff.ts";
import type { Connection } from "./connection.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Operation, SettleResult, Source } from "../driver/contract.ts";
import { DriverError, isRetryable } from "../driver/error.ts";
import { Batcher } from "../lib/batcher.ts";
import type { Leased } from "./leased.ts";

const RETRY: Backoff = { baseMs: 200, factor: 2, capMs: 5_000, jitter: true };
/** What is not allowed is tried so often: for some seconds. */
const AUTH_TRIES = 5;
const MAX_CALLS = 8;
/** Where a call saves no request, each tick's verdicts go by themselves. */
const MAX_CALLS_APART = 64;

/** How one verdict is carried out. */
interface SettleRequest<Item extends Leased = Leased> {
  readonly operation: Operation;
  readonly leased: Item;
  readonly onEnd: (leased: Item, confirmed: boolean) => void;
  failures: number;
  /** Until when a release may have hidden it; undefined where none can have been carried out. */
  hiddenUntil?: number;
}

/**
 * Carries verdicts to the provider, several in a request, each with its own confirmation. What fails for a while is
 * tried again until the lease ends; after that the message is somebody else's, and comes again: nothing is lost.
 */
export class Settler {
  readonly #connection: Connection;
  readonly #source: Source;
  readonly #queue: string;
  readonly #report: (event: ReceiveEvent) => void;
  readonly #batcher: Batcher<SettleRequest>;
  #pending = 0;
  #idle: (() => void)[] = [];

  /** `lingerMs` says how long a verdict is to wait for others to share its request. */
  constructor(
    connection: Connection,
    source: Source,
    queue: string,
    report: (event: ReceiveEvent) => void,
    lingerMs: () => number = () => connection.limits.settleLingerMs ?? 0,
  ) {
    this.#connection = connection;
    this.#source = source;
    this.#queue = queue;
    this.#report = report;
    const { maxSettleBatch, settlesTogether = true } = connection.limits;
    this.#batcher = new Batcher({
      maxItems: maxSettleBatch,
      maxBytes: Number.POSITIVE_INFINITY,
      bytesOf: () => 0,
      maxCalls: settlesTogether ? MAX_CALLS : MAX_CALLS_APART,
      gathers: settlesTogether,
      lingerMs,
      clock: connection.clock,
      run: (settlements) => this.#run(settlements),
    });
  }

  /** Verdicts that have not been confirmed yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Resolves true when the provider has confirmed, false when it never will; which was then reported. */
  settle(operation: Operation, leased: Leased): Promise<boolean> {
    return new Promise((resolve) => {
      this.settleThen(operation, leased, (_, confirmed) => resolve(confirmed));
    });
  }

  /** The same, without a promise: for acknowledgements, which are most of all. `onEnd` must not throw. */
  settleThen<Item extends Leased>(
    operation: Operation,
    leased: Item,
    onEnd: (leased: Item, confirmed: boolean) => void,
  ): void {
    this.#pending += 1;
    const settlement: SettleRequest<Item> = { operation, leased, onEnd, failures: 0 };
    this.#batcher.add(settlement as unknown as SettleRequest);
  }

  /** Resolves when every verdict has been confirmed or given up. */
  flush(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(settlements: readonly SettleRequest[]): Promise<void> {
    const sentAt = this.#connection.clock.now();
    let results: SettleResult[];
    try {
      results = await this.#source.settle(settlements.map(({ operation }) => operation));
    } catch (error) {
      const failure: SettleResult = { ok: false, error: error as DriverError };
      results = settlements.map(() => failure);
    }
    for (let index = 0; index < settlements.length; index += 1) {
      const settlement = settlements[index] as SettleRequest;
      const result = results[index];
      if (result?.ok === true) this.#end(settlement, true);
      else
        this.#failed(
          settlement,
          result?.error ?? new DriverError("ambiguous", "the provider's answer did not mention this message"),
          sentAt,
        );
    }
  }

  #failed(settlement: SettleRequest, error: DriverError, sentAt: number): void {
    const { clock, random } = this.#connection;
    const { operation, leased } = settlement;
    if (error.kind === "lease_lost") {
      this.#report({ event: "lease_lost", queue: this.#queue, id: leased.id });
      this.#end(settlement, false);
      return;
    }
    settlement.failures += 1;
    const waitMs = backoffDelayMs(RETRY, settlement.failures, random);
    const againAt = clock.now() + waitMs;
    // Released, perhaps: by then it may be somebody else's, from whom another release would take it.
    if (operation.kind === "release" && error.kind === "ambiguous")
      settlement.hiddenUntil ??= sentAt + operation.delayMs;
    const released = settlement.hiddenUntil !== undefined && againAt >= settlement.hiddenUntil;
    // Credentials are renewed now and then, and may be missing for a moment.
    const passing = isRetryable(error.kind) || (error.kind === "auth" && settlement.failures < AUTH_TRIES);
    if (passing && !released && againAt < leased.leaseUntil) {
      clock.timer(waitMs, () => this.#batcher.add(settlement), true);
      return;
    }
    this.#report({
      event: "settle_failed",
      queue: this.#queue,
      id: leased.id,
      operation: operation.kind,
      error,
      kind: error.kind,
    });
    this.#end(settlement, false);
  }

  #end(settlement: SettleRequest, confirmed: boolean): void {
    settlement.onEnd(settlement.leased, confirmed);
    this.#pending -= 1;
    if (this.#pending > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
