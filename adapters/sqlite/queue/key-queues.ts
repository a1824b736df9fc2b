import type { MessageRow } from "../../sql/queue/message-row.ts";
import type { Connection } from "./database.ts";

/**
 * The most messages of one key queue leased at a time. The core runs them one after the other, so more would only wait. All of
 * them are at the front of their key queue.
 */
const MOST_LEASED = 10;

const SQL = {
  find: "SELECT id FROM queueport_key_queue WHERE queue = ? AND key = ?",
  add: "INSERT INTO queueport_key_queue (id, queue, key, ready_at) VALUES (?, ?, ?, ?)",
  ready: "SELECT id FROM queueport_key_queue WHERE queue = ? AND ready_at <= ? ORDER BY ready_at, id LIMIT ?",
  next: "SELECT ready_at AS at FROM queueport_key_queue WHERE queue = ? ORDER BY ready_at LIMIT 1",
  front: `SELECT id, visible_at, held FROM queueport_message WHERE key_queue = ? ORDER BY id LIMIT ${MOST_LEASED}`,
  letGo: "UPDATE queueport_message SET held = 0 WHERE id = ?",
  take: `UPDATE queueport_message SET visible_at = ?, held = 1, deliveries = deliveries + 1 WHERE id = ?
    RETURNING id, deliveries, body, attributes, key, enqueued_at AS enqueuedAt, key_queue AS keyQueue`,
  moved: "UPDATE queueport_key_queue SET ready_at = ? WHERE id = ?",
  remove: "DELETE FROM queueport_key_queue WHERE id = ?",
} as const;

interface FrontRow {
  readonly id: number;
  readonly visible_at: number;
  readonly held: number;
}

/**
 * The key queues of ordered queues: the messages of one ordering key, in the order in which they were sent. A claim takes the
 * first messages of a key queue, and nothing else of it until all of them are settled or their lease has ended. A message that a
 * later claim leaves behind is not held any more, so no settlement of the former claim applies to it. Every method is called within a transaction.
 */
export class KeyQueues {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns the key queue of a key, and creates it for a message that is due at `visibleAt`. */
  use(queue: number, key: string, visibleAt: number, newId: () => number): number {
    const found = this.#connection.all<{ readonly id: number }>(SQL.find, queue, key)[0];
    if (found !== undefined) return found.id;
    const id = newId();
    this.#connection.run(SQL.add, id, queue, key, visibleAt);
    return id;
  }

  /** The time from which a key queue of the queue can be claimed; undefined if it has none. */
  nextAt(queue: number): number | undefined {
    return this.#connection.all<{ readonly at: number }>(SQL.next, queue)[0]?.at;
  }

  claim(queue: number, max: number, now: number, until: number): MessageRow[] {
    const keyQueues = this.#connection.all<{ readonly id: number }>(SQL.ready, queue, now, max);
    // With few keys, several messages of each.
    const each = Math.max(1, Math.min(MOST_LEASED, Math.floor(max / keyQueues.length)));
    return keyQueues.flatMap(({ id }) => this.#take(id, each, now, until));
  }

  #take(keyQueue: number, most: number, now: number, until: number): MessageRow[] {
    const front = this.#front(keyQueue);
    const blockedAt = front.findIndex(({ visible_at: at }) => at > now);
    const taken = front.slice(0, blockedAt === -1 ? most : Math.min(most, blockedAt));
    // A lease that has ended is no lease any more, also if its message stays behind the ones taken.
    const left = front.slice(taken.length);
    for (const { id, held } of left) if (held === 1) this.#connection.run(SQL.letGo, id);
    if (taken.length === 0) {
      this.#settled(
        keyQueue,
        left.map((row) => ({ ...row, held: 0 })),
      );
      return [];
    }
    this.#connection.run(SQL.moved, until, keyQueue);
    return taken.flatMap(({ id }) => this.#connection.all<MessageRow>(SQL.take, until, id));
  }

  /** Sets the moment of a key queue anew, after leased messages were settled. Returns whether it can be claimed now. */
  settled(keyQueue: number | string, now: number): boolean {
    const at = this.#settled(Number(keyQueue), this.#front(Number(keyQueue)));
    return at !== undefined && at <= now;
  }

  #settled(keyQueue: number, front: readonly FrontRow[]): number | undefined {
    const [first] = front;
    if (first === undefined) {
      this.#connection.run(SQL.remove, keyQueue);
      return undefined;
    }
    const leases = front.flatMap(({ held, visible_at: at }) => (held === 1 ? [at] : []));
    const at = leases.length === 0 ? first.visible_at : Math.max(...leases);
    this.#connection.run(SQL.moved, at, keyQueue);
    return leases.length === 0 ? at : undefined;
  }

  #front(keyQueue: number): FrontRow[] {
    return this.#connection.all<FrontRow>(SQL.front, keyQueue);
  }
}
