import type { StoredMessage } from "./message.ts";

/** The messages of one ordering key, in their order. The head may be delivered; the others wait behind it. */
export interface KeyQueue {
  readonly key: string;
  last: StoredMessage;
}

/** Keeps order by key: one message of a key at a time, until it has left the queue, however often it is delivered. */
export class KeyQueues {
  readonly #queues = new Map<string, KeyQueue>();

  /** Appends a message to the queue of its key. Returns whether it is the head. */
  enter(key: string, message: StoredMessage): boolean {
    const queue = this.#queues.get(key);
    if (queue === undefined) {
      message.keyQueue = { key, last: message };
      this.#queues.set(key, message.keyQueue);
      return true;
    }
    queue.last.behind = message;
    queue.last = message;
    return false;
  }

  /** Removes the head from the queue of its key. Returns the new head. */
  leave(head: StoredMessage): StoredMessage | undefined {
    const { keyQueue } = head;
    if (keyQueue === undefined) return undefined;
    head.keyQueue = undefined;
    let next = head.behind;
    // A receipt may outlive its message; it must not keep the rest of the key's messages in memory.
    head.behind = undefined;
    // A message that was dropped while it waited is still linked.
    while (next?.state === "gone") next = next.behind;
    if (next === undefined) this.#queues.delete(keyQueue.key);
    else next.keyQueue = keyQueue;
    return next;
  }
}
