import type { MessageRow, Receipt } from "../../sql/queue/message-row.ts";
import type { Connection } from "./database.ts";

/**
 * The most messages of one lane in hand at a time. The core runs them one after the other, so more would only wait. All of
 * them are at the front of their lane.
 */
const MOST_IN_HAND = 10;

const SQL = {
  find: "SELECT id FROM queueport_lane WHERE queue = ? AND key = ?",
  add: "INSERT INTO queueport_lane (id, queue, key, ready_at) VALUES (?, ?, ?, ?)",
  ready:
    "SELECT id, epoch FROM queueport_lane WHERE queue = ? AND ready_at <= ? ORDER BY ready_at, id LIMIT ?",
  next: "SELECT ready_at AS at FROM queueport_lane WHERE queue = ? ORDER BY ready_at LIMIT 1",
  front: `SELECT id, visible_at, held FROM queueport_message WHERE lane = ? ORDER BY id LIMIT ${MOST_IN_HAND}`,
  letGo: "UPDATE queueport_message SET held = 0 WHERE id = ?",
  take: `UPDATE queueport_message SET visible_at = ?, held = 1, deliveries = deliveries + 1 WHERE id = ?
    RETURNING id, deliveries, body, attributes, key, enqueued_at AS enqueuedAt, lane`,
  held: "UPDATE queueport_lane SET epoch = ?, ready_at = ? WHERE id = ?",
  moved: "UPDATE queueport_lane SET ready_at = ? WHERE id = ?",
  epoch: "SELECT epoch FROM queueport_lane WHERE id = ?",
  remove: "DELETE FROM queueport_lane WHERE id = ?",
} as const;

interface FrontRow {
  readonly id: number;
  readonly visible_at: number;
  readonly held: number;
}

/**
 * The lanes of ordered queues: the messages of one ordering key, in the order in which they were sent. A claim takes the
 * first messages of a lane under a new epoch, and nothing else of the lane until all of them are settled or their lease has
 * ended. Every method is called within a transaction.
 */
export class Lanes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns the lane of a key, and creates it for a message that is due at `visibleAt`. */
  use(queue: number, key: string, visibleAt: number, newId: () => number): number {
    const found = this.#connection.get<{ readonly id: number }>(SQL.find, queue, key);
    if (found !== undefined) return found.id;
    const id = newId();
    this.#connection.run(SQL.add, id, queue, key, visibleAt);
    return id;
  }

  /** The time from which a lane of the queue can be claimed; undefined if it has none. */
  nextAt(queue: number): number | undefined {
    return this.#connection.get<{ readonly at: number }>(SQL.next, queue)?.at;
  }

  claim(queue: number, max: number, now: number, until: number): MessageRow[] {
    const lanes = this.#connection.all<{ readonly id: number; readonly epoch: number }>(
      SQL.ready,
      queue,
      now,
      max,
    );
    // With few keys, several messages of each.
    const each = Math.max(1, Math.min(MOST_IN_HAND, Math.floor(max / lanes.length)));
    return lanes.flatMap(({ id, epoch }) => this.#take(id, epoch + 1, each, now, until));
  }

  #take(lane: number, epoch: number, most: number, now: number, until: number): MessageRow[] {
    const front = this.#front(lane);
    const blockedAt = front.findIndex(({ visible_at: at }) => at > now);
    const taken = front.slice(0, blockedAt === -1 ? most : Math.min(most, blockedAt));
    // Those of a hand whose lease has ended are in no hand any more.
    const left = front.slice(taken.length);
    for (const { id, held } of left) if (held === 1) this.#connection.run(SQL.letGo, id);
    if (taken.length === 0) {
      this.#settled(
        lane,
        left.map((row) => ({ ...row, held: 0 })),
      );
      return [];
    }
    this.#connection.run(SQL.held, epoch, until, lane);
    return taken.map(({ id }) => {
      const row = this.#connection.get<Omit<MessageRow, "epoch">>(SQL.take, until, id);
      return { ...(row as Omit<MessageRow, "epoch">), epoch };
    });
  }

  /** Whether the hand of a delivery is still the present one. */
  isHeld(lane: NonNullable<Receipt["lane"]>): boolean {
    return this.#connection.get<{ readonly epoch: number }>(SQL.epoch, lane.id)?.epoch === lane.epoch;
  }

  /** Sets the moment of a lane anew, after messages in hand were settled. Returns whether it can be claimed now. */
  settled(lane: number | string, now: number): boolean {
    const at = this.#settled(Number(lane), this.#front(Number(lane)));
    return at !== undefined && at <= now;
  }

  #settled(lane: number, front: readonly FrontRow[]): number | undefined {
    const [first] = front;
    if (first === undefined) {
      this.#connection.run(SQL.remove, lane);
      return undefined;
    }
    const leases = front.flatMap(({ held, visible_at: at }) => (held === 1 ? [at] : []));
    const at = leases.length === 0 ? first.visible_at : Math.max(...leases);
    this.#connection.run(SQL.moved, at, lane);
    return leases.length === 0 ? at : undefined;
  }

  #front(lane: number): FrontRow[] {
    return this.#connection.all<FrontRow>(SQL.front, lane);
  }
}
