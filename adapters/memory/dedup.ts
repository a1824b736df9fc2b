import { Deque } from "./deque.ts";

interface Seen {
  readonly dedupId: string;
  readonly brokerId: string;
  readonly until: number;
}

/** The ids of the messages that were sent within the window. A message with one of these ids is absorbed. */
export class DedupWindow {
  readonly windowMs: number;
  readonly #seen = new Map<string, Seen>();
  /** In order of their end, since all windows have the same length. */
  readonly #ending = new Deque<Seen>();

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** Finds the broker id of the first message with this id, even if that message was acknowledged since. */
  find(dedupId: string, now: number): string | undefined {
    for (let first = this.#ending.peek(); first !== undefined && first.until <= now;) {
      this.#seen.delete(first.dedupId);
      this.#ending.shift();
      first = this.#ending.peek();
    }
    return this.#seen.get(dedupId)?.brokerId;
  }

  remember(dedupId: string, brokerId: string, now: number): void {
    const seen: Seen = { dedupId, brokerId, until: now + this.windowMs };
    this.#seen.set(dedupId, seen);
    this.#ending.push(seen);
  }
}
