import {
  type Clock,
  type Delivery,
  DriverError,
  type Operation,
  type SettleResult,
} from "../../src/driver/index.ts";
import type { Receipt } from "../sql/queue/message-row.ts";
import { type SettleOutcome, settleResult, withoutDeadLetters } from "../sql/queue/settlements.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { sqlStateOf } from "./errors.ts";

/** The results of one batch, and when the queue has something new because of it. */
export interface Settled {
  readonly results: SettleResult[];
  /** Milliseconds until a message can be delivered that this batch has released, or made the first of its key. */
  readonly dueInMs?: number | undefined;
  /** Whether a message was released, so that other processes should know. */
  readonly released: boolean;
}

/** The outcomes of settlements by the codes that the functions of the schema return. The code `b` is for a busy key queue. */
const OUTCOMES: Readonly<Record<string, SettleOutcome>> = { d: "done", l: "lost", g: "gone" };

interface Item {
  readonly index: number;
  readonly operation: Operation;
  readonly receipt: Receipt;
}

/** Time for which settlements do not wait for a key queue after one of them was held by a transaction, in milliseconds. */
const BUSY_MS = 5_000;

/** Settles the deliveries of one driver, by one statement for those with a key and one for those without. */
export class Settler {
  readonly #connection: PostgresConnection;
  readonly #clock: Clock;
  readonly #isAsync: boolean;
  #busyUntil = 0;

  /** @param isAsync whether a settlement is answered before it is on disk */
  constructor(connection: PostgresConnection, isAsync: boolean) {
    this.#connection = connection;
    this.#clock = connection.clock;
    this.#isAsync = isAsync;
  }

  async settle(queue: string, operations: readonly Operation[]): Promise<Settled> {
    const results: SettleResult[] = [];
    const items: Item[] = [];
    for (const [index, operation] of operations.entries()) {
      const receipt = receiptOf(operation.delivery);
      if (receipt === undefined) results[index] = failed("permanent", FOREIGN);
      else if (operation.kind === "dead_letter") results[index] = withoutDeadLetters(queue);
      else items.push({ index, operation, receipt });
    }
    // In the order of the ids, so that two settlements lock rows in the same order.
    items.sort((one, other) => compareIds(String(one.receipt.id), String(other.receipt.id)));
    const plain = items.filter(({ receipt }) => receipt.keyQueue === undefined);
    const keyed = items.filter(({ receipt }) => receipt.keyQueue !== undefined);
    const now = this.#clock.now();
    const [outcomes, keys] = await Promise.all([
      this.#settlePlain(queue, plain),
      this.#settleKeyed(queue, keyed),
    ]);
    const fill = (some: readonly Item[], letters: string): void => {
      for (const [place, { index, operation }] of some.entries())
        results[index] = resultOf(queue, operation, letters[place] ?? "d", now);
    };
    fill(plain, outcomes);
    fill(keyed, keys.outcomes);
    let dueInMs = keys.dueInMs ?? Number.POSITIVE_INFINITY;
    let released = false;
    for (const { operation } of items) {
      if (operation.kind !== "release") continue;
      released = true;
      dueInMs = Math.min(dueInMs, operation.delayMs);
    }
    return { results, released, dueInMs: Number.isFinite(dueInMs) ? dueInMs : undefined };
  }

  async #settlePlain(queue: string, items: readonly Item[]): Promise<string> {
    if (items.length === 0) return "";
    const [row] = await this.#connection.query<{ outcome: string }>(
      `settle messages of queue "${queue}"`,
      `SELECT ${this.#connection.quoted}.settle($1, $2, $3, $4, $5::text::boolean) AS outcome`,
      [
        list(items, ({ receipt }) => receipt.id),
        list(items, ({ receipt }) => receipt.fence),
        list(items, ({ operation }) => letterOf(operation)),
        list(items, ({ operation }) => msOf(operation)),
        String(this.#isAsync),
      ],
      { name: "qp_settle", on: "settle" },
    );
    return row?.outcome ?? "";
  }

  async #settleKeyed(
    queue: string,
    items: readonly Item[],
  ): Promise<{ readonly outcomes: string; readonly dueInMs?: number | undefined }> {
    if (items.length === 0) return { outcomes: "" };
    const waits = this.#clock.monotonic() >= this.#busyUntil;
    try {
      return await this.#settleKeyQueues(queue, items, waits);
    } catch (error) {
      // A transaction that has sent a message with one of the keys holds its key queue until it ends. The others go on.
      if (!waits || sqlStateOf(error) !== "55P03") throw error;
      this.#busyUntil = this.#clock.monotonic() + BUSY_MS;
      return this.#settleKeyQueues(queue, items, false);
    }
  }

  async #settleKeyQueues(
    queue: string,
    items: readonly Item[],
    waits: boolean,
  ): Promise<{ readonly outcomes: string; readonly dueInMs?: number | undefined }> {
    const [row] = await this.#connection.query<{ outcome: string; due_ms: number | null }>(
      `settle messages of queue "${queue}"`,
      `SELECT outcome, due_ms FROM ${this.#connection.quoted}.settle_keys($1, $2, $3, $4, $5, $6::text::boolean, $7::text::boolean)`,
      [
        list(items, ({ receipt }) => receipt.id),
        list(items, ({ receipt }) => receipt.keyQueue as string),
        list(items, ({ receipt }) => receipt.fence),
        list(items, ({ operation }) => letterOf(operation)),
        list(items, ({ operation }) => msOf(operation)),
        String(this.#isAsync),
        String(waits),
      ],
      { name: "qp_settle_keys", on: "settle" },
    );
    return { outcomes: row?.outcome ?? "", dueInMs: row?.due_ms ?? undefined };
  }
}

/** Compares two ids, which are whole numbers as text. */
export function compareIds(one: string, other: string): number {
  return one.length - other.length || (one < other ? -1 : one > other ? 1 : 0);
}

function receiptOf({ receipt }: Delivery): Receipt | undefined {
  const isOwn = typeof receipt === "object" && receipt !== null && "fence" in receipt && "id" in receipt;
  return isOwn ? (receipt as Receipt) : undefined;
}

function list<T>(items: readonly T[], value: (item: T) => string | number): string {
  return `{${items.map(value).join(",")}}`;
}

function letterOf({ kind }: Operation): string {
  return kind === "ack" ? "a" : kind === "extend" ? "e" : "r";
}

function msOf(operation: Operation): number {
  if (operation.kind === "extend") return operation.leaseMs;
  return operation.kind === "release" ? operation.delayMs : 0;
}

function resultOf(queue: string, operation: Operation, code: string, now: number): SettleResult {
  const outcome = OUTCOMES[code];
  if (outcome === undefined) return failed("transient", BUSY);
  return settleResult(queue, operation, outcome, now + msOf(operation));
}

function failed(kind: DriverError["kind"], message: string): SettleResult {
  return { ok: false, error: new DriverError(kind, message) };
}

const FOREIGN = "The delivery has a receipt of another driver.";
const BUSY = "A transaction that has sent a message with the same ordering key is not over yet.";
