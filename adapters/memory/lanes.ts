import type { StoredMessage } from "./message.ts";

/** The messages of one ordering key, in order: the head may be delivered, the others wait behind it. */
export interface Lane {
  readonly key: string;
  last: StoredMessage;
}

/** Order by key: one message of a key at a time, until it has left the queue, however often it is delivered. */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /** Whether the message is the head of its lane. Else it waits. */
  enter(key: string, message: StoredMessage): boolean {
    const lane = this.#lanes.get(key);
    if (lane === undefined) {
      message.lane = { key, last: message };
      this.#lanes.set(key, message.lane);
      return true;
    }
    lane.last.behind = message;
    lane.last = message;
    return false;
  }

  /** Takes the head out of its lane; returns the new head. */
  leave(head: StoredMessage): StoredMessage | undefined {
    const { lane } = head;
    if (lane === undefined) return undefined;
    head.lane = undefined;
    let next = head.behind;
    // A receipt may outlive its message; it must not keep the rest of the lane in memory.
    head.behind = undefined;
    // One that was dropped while it waited is still in line.
    while (next?.state === "gone") next = next.behind;
    if (next === undefined) this.#lanes.delete(lane.key);
    else next.lane = lane;
    return next;
  }
}
