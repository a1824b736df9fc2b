import { backoffDelayMs, requestBackoff } from "../backoff.ts";
import type { Connection } from "./connection.ts";
import type { ReceiveEvent } from "../diagnostics.ts";
import type { Operation, SettleResult, Source } from "../driver/contract.ts";
import { DriverError, type ErrorKind, isRetryable } from "../driver/error.ts";
import { Batcher } from "../lib/batcher.ts";
import type { Leased } from "./leased.ts";

const RETRY = requestBackoff(200, 5_000);
/** Tries of a settlement without permission, over some seconds: credentials are renewed now and then. */
const AUTH_TRIES = 5;
const MAX_CALLS = 8;
/** Concurrent calls if settlements do not share requests: each tick then sends its own. */
const MAX_CALLS_APART = 64;

type OnEnd<Item extends Leased> = (leased: Item, confirmed: boolean, kind?: ErrorKind) => void;

/** One settlement on its way to the provider. */
interface SettleRequest<Item extends Leased = Leased> {
  readonly operation: Operation;
  readonly leased: Item;
  readonly onEnd: OnEnd<Item>;
  failures: number;
  /** Until when a release may have hidden the message, on the monotonic clock; undefined if none can have been carried out. */
  hiddenUntil?: number;
}

/**
 * Sends settlements to the provider, several in a request, each with its own confirmation. A settlement that fails is tried
 * again until the lease ends. After that the message is redelivered, so nothing is lost.
 */
export class Settler {
  readonly #connection: Connection;
  readonly #source: Source;
  readonly #queue: string;
  readonly #report: (event: ReceiveEvent) => void;
  readonly #batcher: Batcher<SettleRequest>;
  #pending = 0;
  #idle: (() => void)[] = [];

  /** @param lingerMs milliseconds that a settlement waits for others to share its request */
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

  /** Number of settlements that are not confirmed yet. */
  get pending(): number {
    return this.#pending;
  }

  /** Resolves true once the provider has confirmed. Resolves false if it never will, which was reported. */
  settle(operation: Operation, leased: Leased): Promise<boolean> {
    return new Promise((resolve) => {
      this.settleThen(operation, leased, (_, confirmed) => resolve(confirmed));
    });
  }

  /**
   * Settles without a promise: for acknowledgements, which are most settlements. `onEnd` must not throw. It gets the kind
   * of the error if the settlement was not confirmed.
   */
  settleThen<Item extends Leased>(operation: Operation, leased: Item, onEnd: OnEnd<Item>): void {
    this.#pending += 1;
    const settlement: SettleRequest<Item> = { operation, leased, onEnd, failures: 0 };
    this.#batcher.add(settlement as unknown as SettleRequest);
  }

  /** Resolves when every settlement was confirmed or given up. */
  flush(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(settlements: readonly SettleRequest[]): Promise<void> {
    const sentAt = this.#connection.clock.monotonic();
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
      this.#end(settlement, false, error.kind);
      return;
    }
    settlement.failures += 1;
    const waitMs = backoffDelayMs(RETRY, settlement.failures, random);
    const againAt = clock.monotonic() + waitMs;
    // The release may have been carried out. By then another receiver may have the message, and a second release would take it away.
    if (operation.kind === "release" && error.kind === "ambiguous")
      settlement.hiddenUntil ??= sentAt + operation.delayMs;
    const released = settlement.hiddenUntil !== undefined && againAt >= settlement.hiddenUntil;
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
    this.#end(settlement, false, error.kind);
  }

  #end(settlement: SettleRequest, confirmed: boolean, kind?: ErrorKind): void {
    settlement.onEnd(settlement.leased, confirmed, kind);
    this.#pending -= 1;
    if (this.#pending > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }
}
