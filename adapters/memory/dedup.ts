import { Deque } from "./deque.ts";

interface Seen {
  readonly dedupId: string;
  readonly brokerId: string;
  readonly until: number;
}

/** The ids of the messages that were sent within the window: their second ones are absorbed. */
export class DedupWindow {
  readonly windowMs: number;
  readonly #seen = new Map<string, Seen>();
  /** In order of their end, since all windows are of one length. */
  readonly #ending = new Deque<Seen>();

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  /** The broker's id of the first one, even where that has long been consumed. */
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
