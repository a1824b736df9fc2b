import type { Outgoing } from "../../../src/driver/index.ts";
import type { MessageRow, Receipt } from "../../sql/queue/message-row.ts";
import type { QueueRow } from "../../sql/queue/queue-row.ts";
import type { SettleOutcome } from "../../sql/queue/settlements.ts";
import type { Connection } from "./database.ts";
import { KeyQueues } from "./key-queues.ts";

const SQL = {
  queue: "SELECT id, ordered, dedup_ms FROM queueport_queue WHERE name = ?",
  addQueue: "INSERT INTO queueport_queue (name, ordered, dedup_ms) VALUES (?, ?, ?)",
  setQueue: "UPDATE queueport_queue SET ordered = ?, dedup_ms = ? WHERE id = ?",
  ids: "UPDATE queueport_queue_meta SET value = value + ? WHERE name = 'last_id' RETURNING value AS last",
  add: `INSERT INTO queueport_message (id, queue, visible_at, enqueued_at, key_queue, key, attributes, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  see: `INSERT INTO queueport_seen (queue, key, until, message) VALUES (?, ?, ?, ?)
    ON CONFLICT (queue, key) DO UPDATE SET until = excluded.until, message = excluded.message WHERE until <= ?`,
  seen: "SELECT message FROM queueport_seen WHERE queue = ? AND key = ?",
  forget: `DELETE FROM queueport_seen WHERE (queue, key) IN (
    SELECT queue, key FROM queueport_seen WHERE until <= ? ORDER BY until LIMIT ?)`,
  next: `SELECT visible_at AS at FROM queueport_message WHERE queue = ? AND priority = 1 AND key_queue IS NULL
    ORDER BY visible_at LIMIT 1`,
  claim: `UPDATE queueport_message SET visible_at = ?, held = 1, deliveries = deliveries + 1 WHERE id IN (
      SELECT id FROM queueport_message WHERE queue = ? AND priority = 1 AND key_queue IS NULL AND visible_at <= ?
      ORDER BY visible_at, id LIMIT ?)
    RETURNING id, deliveries, body, attributes, key, enqueued_at AS enqueuedAt, NULL AS keyQueue`,
  ack: "DELETE FROM queueport_message WHERE id = ? AND deliveries = ? AND held = 1",
  extend: "UPDATE queueport_message SET visible_at = ? WHERE id = ? AND deliveries = ? AND held = 1",
  release:
    "UPDATE queueport_message SET visible_at = ?, held = 0 WHERE id = ? AND deliveries = ? AND held = 1",
  exists: "SELECT 1 FROM queueport_message WHERE id = ?",
  cancel:
    "DELETE FROM queueport_message WHERE id = ? AND deliveries = 0 AND visible_at > ? AND key_queue IS NULL",
  dropMessages: "DELETE FROM queueport_message WHERE queue = ? AND priority = 1 AND key_queue IS NULL",
  dropKeyedMessages:
    "DELETE FROM queueport_message WHERE key_queue IN (SELECT id FROM queueport_key_queue WHERE queue = ?)",
  dropKeyQueues: "DELETE FROM queueport_key_queue WHERE queue = ?",
  dropSeen: "DELETE FROM queueport_seen WHERE queue = ?",
  dropQueue: "DELETE FROM queueport_queue WHERE id = ?",
} as const;

/** A message that is to be written, with its attributes as JSON. */
export interface NewMessage extends Pick<Outgoing, "body" | "delayMs" | "orderingKey" | "dedupId"> {
  readonly attributes: string;
}

/** The number of a message that was written, or of the one that has absorbed it. */
export interface Written {
  readonly id: number;
  readonly isAbsorbed: boolean;
}

/** One settlement: `moment` is the end of the extended lease, or the time from which the message is delivered again. */
export interface Settlement {
  readonly kind: "ack" | "extend" | "release";
  readonly receipt: Receipt;
  readonly moment: number;
}

interface FoundQueue extends QueueRow {
  readonly id: number;
}

/**
 * The messages of all queues of a file, by way of one connection. Methods that write are called within a transaction. Times
 * are in whole epoch milliseconds.
 */
export class MessageTable {
  readonly #connection: Connection;
  readonly #keyQueues: KeyQueues;
  #keyedFirst = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#keyQueues = new KeyQueues(connection);
  }

  find(queue: string): FoundQueue | undefined {
    const row = this.#connection.all<{ id: number; ordered: number; dedup_ms: number }>(SQL.queue, queue)[0];
    return row && { id: row.id, ordered: row.ordered === 1, dedupMs: row.dedup_ms };
  }

  /** Returns a queue, and creates it with these settings if it is missing. */
  use(queue: string, { ordered, dedupMs }: QueueRow): FoundQueue {
    const found = this.find(queue);
    if (found !== undefined) return found;
    this.#connection.run(SQL.addQueue, queue, Number(ordered), dedupMs);
    return this.find(queue) as FoundQueue;
  }

  /** Sets the settings of a queue, which is created if it is missing. */
  configure(queue: string, row: QueueRow): void {
    const { id } = this.use(queue, row);
    this.#connection.run(SQL.setQueue, Number(row.ordered), row.dedupMs, id);
  }

  send(queue: string, messages: readonly NewMessage[], created: QueueRow, now: number): Written[] {
    const { id: number, ordered, dedupMs } = this.use(queue, created);
    if (dedupMs > 0) this.#connection.run(SQL.forget, now, 2 * messages.length);
    // One number for each message, and one for a key queue that it may need.
    const ids = this.#connection.all<{ readonly last: number }>(SQL.ids, 2 * messages.length)[0];
    let last = (ids as { readonly last: number }).last - 2 * messages.length;
    const newId = (): number => (last += 1);
    const add = this.#connection.of(SQL.add);
    return messages.map(({ body, attributes, delayMs, orderingKey = null, dedupId }) => {
      const id = newId();
      if (dedupMs > 0 && dedupId !== undefined) {
        const isFirst = this.#connection.run(SQL.see, number, dedupId, now + dedupMs, id, now) > 0;
        if (!isFirst) return { id: this.#seen(number, dedupId), isAbsorbed: true };
      }
      const at = now + delayMs;
      const keyQueue =
        ordered && orderingKey !== null ? this.#keyQueues.use(number, orderingKey, at, newId) : null;
      add.run(id, number, at, now, keyQueue, orderingKey, attributes, body);
      return { id, isAbsorbed: false };
    });
  }

  #seen(queue: number, key: string): number {
    return (
      this.#connection.all<{ readonly message: number }>(SQL.seen, queue, key)[0] as { message: number }
    ).message;
  }

  /** The time from which a message of the queue can be claimed; undefined if it has none. Does not write. */
  nextAt(queue: string): number | undefined {
    const found = this.find(queue);
    if (found === undefined) return undefined;
    const at = this.#connection.all<{ readonly at: number }>(SQL.next, found.id)[0]?.at;
    const ofKeys = found.ordered ? this.#keyQueues.nextAt(found.id) : undefined;
    return at === undefined || ofKeys === undefined ? (at ?? ofKeys) : Math.min(at, ofKeys);
  }

  /** Leases messages until `until`, the oldest first. */
  claim(queue: string, max: number, now: number, until: number): MessageRow[] {
    const found = this.find(queue);
    if (found === undefined) return [];
    const plain = (most: number): MessageRow[] =>
      most === 0
        ? []
        : this.#connection
            .all<MessageRow>(SQL.claim, until, found.id, now, most)
            // SQLite returns them in the order in which it has changed them.
            .toSorted((one, other) => Number(one.id) - Number(other.id));
    if (!found.ordered) return plain(max);
    const keyed = (most: number): MessageRow[] =>
      most === 0 ? [] : this.#keyQueues.claim(found.id, most, now, until);
    // In turn, so that neither messages with keys nor those without have to wait for the others.
    this.#keyedFirst = !this.#keyedFirst;
    const [first, second] = this.#keyedFirst ? [keyed, plain] : [plain, keyed];
    const rows = first(max);
    return [...rows, ...second(max - rows.length)];
  }

  /** Carries settlements out. Returns their outcomes, and whether a message can be claimed now that could not before. */
  settle(
    settlements: readonly Settlement[],
    now: number,
  ): { readonly outcomes: SettleOutcome[]; readonly isReady: boolean } {
    const keyQueues = new Set<number | string>();
    let isReady = false;
    const outcomes = settlements.map((settlement): SettleOutcome => {
      const { keyQueue, id } = settlement.receipt;
      if (this.#settle(settlement) === 0) return this.#missing(id);
      if (keyQueue !== undefined) keyQueues.add(keyQueue);
      else if (settlement.kind === "release" && settlement.moment <= now) isReady = true;
      return "done";
    });
    for (const keyQueue of keyQueues) if (this.#keyQueues.settled(keyQueue, now)) isReady = true;
    return { outcomes, isReady };
  }

  #settle({ kind, receipt: { id, fence }, moment }: Settlement): number {
    if (kind === "ack") return this.#connection.run(SQL.ack, id, fence);
    return this.#connection.run(kind === "extend" ? SQL.extend : SQL.release, moment, id, fence);
  }

  #missing(id: number | string): SettleOutcome {
    return this.#connection.all<unknown>(SQL.exists, id)[0] === undefined ? "gone" : "lost";
  }

  cancel(id: number, now: number): boolean {
    return this.#connection.run(SQL.cancel, id, now) > 0;
  }

  /** Removes a queue with its messages. */
  drop(queue: string): void {
    const found = this.find(queue);
    if (found === undefined) return;
    for (const sql of [
      SQL.dropMessages,
      SQL.dropKeyedMessages,
      SQL.dropKeyQueues,
      SQL.dropSeen,
      SQL.dropQueue,
    ])
      this.#connection.run(sql, found.id);
  }
}
