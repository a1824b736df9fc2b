import { systemClock, type Timer } from "../../../src/driver/index.ts";
import { hintsOf, type StoreHint } from "../../../src/jobs/store/index.ts";
import type { RedisConnection } from "../connection/redis-connection.ts";
import type { Subscription } from "../connection/subscriber.ts";
import { changedSince, lastChange } from "./reports.ts";
import type { Written } from "./row-writer.ts";
import type { Space } from "./space.ts";

/** Milliseconds between two looks at the changes of other processes: while nothing is heard of them, and while it is. */
const [POLL_MS, FLOOR_MS] = [200, 1_000];
/** Changes of other processes that are reported at a look. The others follow at once. */
const MAX_REPORTED = 1_000;

type OnHint = (hint: StoreHint, id: string) => void;

/** A namespace to which somebody listens. */
interface Watched {
  readonly space: Space;
  readonly listeners: Set<OnHint>;
  readonly subscription: Subscription | undefined;
  /** The last change that was reported. At first, the last one of which this process knew. */
  seen: number;
  look: Promise<void> | undefined;
}

/**
 * Reports changes to listeners: those of this process when they are written, and those of others when a message tells of
 * them. A message that was lost is noticed by the numbers of the next one, or by a look once a second.
 */
export class Watcher {
  readonly #connection: RedisConnection;
  readonly #watched = new Map<Space, Watched>();
  #polling: Timer | undefined;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  listen(space: Space, listener: OnHint): () => void {
    // Another function for each call, so that one that listens twice can stop once.
    const own: OnHint = (hint, id) => listener(hint, id);
    const watched = this.#watched.get(space) ?? this.#watch(space);
    watched.listeners.add(own);
    this.#look(watched);
    this.#arm();
    return () => {
      watched.listeners.delete(own);
      if (watched.listeners.size > 0 || this.#watched.get(space) !== watched) return;
      this.#watched.delete(space);
      watched.subscription?.close();
      if (this.#watched.size === 0) this.#polling?.cancel();
    };
  }

  /** Reports the changes of a script of this process. */
  written(space: Space, { from, to, hints }: Written): void {
    const watched = this.#watched.get(space);
    if (watched === undefined) return;
    this.#advance(watched, from, to);
    for (const [hint, id] of hints) report(watched, hint, id);
  }

  close(): void {
    this.#polling?.cancel();
    for (const { subscription } of this.#watched.values()) subscription?.close();
    this.#watched.clear();
  }

  #watch(space: Space): Watched {
    const watched: Watched = {
      space,
      listeners: new Set(),
      subscription: this.#connection.subscribe(space.keys.channel, {
        onMessage: (message) => this.#heard(watched, message),
        // Messages were lost until now.
        onHears: () => this.#look(watched),
      }),
      seen: space.lastSeq,
      look: undefined,
    };
    this.#watched.set(space, watched);
    return watched;
  }

  /** @param message the sender, the numbers of the last change before and after, and the hints as JSON */
  #heard(watched: Watched, message: string): void {
    const [sender, from, to] = message.split(" ", 3);
    if (sender === watched.space.token) return;
    this.#advance(watched, Number(from), Number(to));
    try {
      const hints = JSON.parse(message.slice(message.indexOf("["))) as readonly [StoreHint, string][];
      for (const [hint, id] of hints) report(watched, hint, id);
    } catch {
      this.#look(watched);
    }
  }

  /** Otherwise there are changes between, which the next look reports, and these again. */
  #advance(watched: Watched, from: number, to: number): void {
    if (watched.seen === from) watched.seen = to;
  }

  /** In real time, whatever the clock of the records says: other processes write at any time. */
  #arm(): void {
    this.#polling?.cancel();
    this.#polling = systemClock.timer(this.#connection.hears ? FLOOR_MS : POLL_MS, () => {
      for (const watched of this.#watched.values()) this.#look(watched);
      if (this.#watched.size > 0) this.#arm();
    });
  }

  #look(watched: Watched): void {
    watched.look ??= this.#lookNow(watched)
      // A hint may be lost. Readers of a job also look at its record, and get the error of the server.
      .catch(() => {})
      .finally(() => (watched.look = undefined));
  }

  async #lookNow(watched: Watched): Promise<void> {
    const { space } = watched;
    for (let isMore = true; isMore && watched.listeners.size > 0;) {
      const from = watched.seen;
      const last = Number(await lastChange(space));
      // Numbers go back if a replica took over that had not the last changes.
      if (from > last) watched.seen = last;
      if (from >= last || watched.seen !== from) return;
      const page = await changedSince(space, String(from), MAX_REPORTED);
      watched.seen = Math.max(watched.seen, Number(page.cursor));
      for (const row of page.rows) for (const hint of hintsOf(undefined, row)) report(watched, hint, row.id);
      isMore = page.hasMore;
    }
  }
}

function report({ listeners }: Watched, hint: StoreHint, id: string): void {
  for (const listener of listeners) {
    try {
      listener(hint, id);
    } catch (error) {
      // Rethrown on its own, so that the store goes on.
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
