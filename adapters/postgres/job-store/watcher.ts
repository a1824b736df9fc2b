import { randomUUID } from "node:crypto";
import { systemClock, type Timer } from "../../../src/driver/index.ts";
import { hintsOf, type StoreHint } from "../../../src/jobs/store/index.ts";
import type { Listener } from "../connection/listener.ts";
import type { PostgresConnection } from "../connection/postgres-connection.ts";
import type { Hints } from "./batch.ts";
import type { Stored } from "./job-rows.ts";

/** Milliseconds between two looks at the changes of other processes: without notifications, and with them. */
const [POLL_MS, FLOOR_MS] = [150, 1_000];
/** The shortest time between two notifications of one process, in milliseconds. */
const NOTIFY_EVERY_MS = 20;
/** Changes of other processes that are reported at a look. The others follow at once. */
const MAX_REPORTED = 1_000;

type OnHint = (hint: StoreHint, id: string) => void;

/** A namespace to which somebody listens. */
interface Watched {
  readonly listeners: Set<OnHint>;
  /** The last change that was reported. */
  seen: number;
  look: Promise<void> | undefined;
  /** Whether there may be changes that the look under way does not see. */
  isMore: boolean;
}

/** Reads the jobs that have changed since a change. */
type ReadSince = (ns: number, seq: number, limit: number) => Promise<readonly Stored[]>;

/**
 * Reports changes to listeners: those of this process after their commit, and those of others when they are notified. A
 * notification is a statement of its own, since a commit with one takes a lock on the whole database. It only says that
 * there is something to read, so that one that is lost is made up for by the next, or by a look once a second.
 */
export class Watcher {
  readonly #connection: PostgresConnection;
  readonly #channel: string;
  readonly #readSince: ReadSince;
  readonly #token = randomUUID().slice(0, 8);
  readonly #listener: Listener | undefined;
  readonly #watched = new Map<number, Watched>();
  /** The last change of each namespace of which this process knows. */
  readonly #lastSeq = new Map<number, number>();
  /** Namespaces of which others are to be notified. */
  readonly #changed = new Set<number>();
  readonly #sending = new Set<Promise<void>>();
  #notifying: Timer | undefined;
  #polling: Timer | undefined;
  #isClosed = false;

  constructor(connection: PostgresConnection, readSince: ReadSince) {
    this.#connection = connection;
    this.#channel = `${connection.schema}_jobs`;
    this.#readSince = readSince;
    this.#listener = connection.listener(this.#channel, {
      onMessage: (payload) => this.#heard(payload),
      // Notifications were lost until now.
      onChange: () => this.#lookAtAll(),
    });
  }

  /** Notes the last change of a namespace. */
  opened(ns: number, seq: number): void {
    this.#lastSeq.set(ns, Math.max(seq, this.#lastSeq.get(ns) ?? 0));
  }

  listen(ns: number, listener: OnHint): () => void {
    // Another function for each call, so that one that listens twice can stop once.
    const own: OnHint = (hint, id) => listener(hint, id);
    const watched = this.#watched.get(ns) ?? {
      listeners: new Set(),
      seen: this.#lastSeq.get(ns) ?? 0,
      look: undefined,
      isMore: false,
    };
    watched.listeners.add(own);
    this.#watched.set(ns, watched);
    this.#listener?.start();
    this.#lookAt(ns);
    this.#arm();
    return () => {
      watched.listeners.delete(own);
      if (watched.listeners.size === 0 && this.#watched.get(ns) === watched) this.#watched.delete(ns);
      if (this.#watched.size === 0) this.#polling?.cancel();
    };
  }

  /** Reports the changes of a transaction of this process, and notifies the others. */
  committed(ns: number, { from, to, hints }: Hints): void {
    this.opened(ns, to);
    const watched = this.#watched.get(ns);
    // Otherwise others have written meanwhile. The next look reports those changes, and these again.
    if (watched?.seen === from) watched.seen = to;
    for (const { hint, id } of hints) this.#report(ns, hint, id);
    this.#changed.add(ns);
    if (this.#notifying !== undefined || this.#isClosed) return;
    this.#notify();
    this.#pause();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#polling?.cancel();
    this.#notifying?.cancel();
    this.#watched.clear();
    this.#notify();
    await Promise.all(this.#sending);
  }

  #pause(): void {
    this.#notifying = systemClock.timer(NOTIFY_EVERY_MS, () => {
      this.#notifying = undefined;
      if (this.#changed.size === 0) return;
      this.#notify();
      this.#pause();
    });
  }

  #notify(): void {
    for (const ns of this.#changed) {
      const sending = this.#connection
        .query("NOTIFY", "SELECT pg_notify($1, $2)", [this.#channel, `${this.#token} ${ns}`], {
          name: "qp_jobs_notify",
        })
        .then(
          () => {},
          () => {},
        )
        .finally(() => this.#sending.delete(sending));
      this.#sending.add(sending);
    }
    this.#changed.clear();
  }

  #heard(payload: string): void {
    const [token, ns] = payload.split(" ");
    if (token !== this.#token) this.#lookAt(Number(ns));
  }

  /** In real time, whatever the clock of the records says: other processes write at any time. */
  #arm(): void {
    this.#polling?.cancel();
    const ms = this.#listener?.hears === true ? FLOOR_MS : POLL_MS;
    this.#polling = systemClock.timer(ms, () => {
      this.#lookAtAll();
      if (this.#watched.size > 0) this.#arm();
    });
  }

  #lookAtAll(): void {
    for (const ns of this.#watched.keys()) this.#lookAt(ns);
  }

  #lookAt(ns: number): void {
    const watched = this.#watched.get(ns);
    if (watched === undefined || this.#isClosed) return;
    watched.isMore = true;
    watched.look ??= this.#look(ns, watched).finally(() => {
      watched.look = undefined;
    });
  }

  /** Never rejects. */
  async #look(ns: number, watched: Watched): Promise<void> {
    while (watched.isMore && this.#watched.get(ns) === watched && !this.#isClosed) {
      watched.isMore = false;
      try {
        const found = await this.#readSince(ns, watched.seen, MAX_REPORTED);
        watched.isMore ||= found.length === MAX_REPORTED;
        watched.seen = Math.max(watched.seen, found.at(-1)?.seq ?? 0);
        for (const { row } of found)
          for (const hint of hintsOf(undefined, row)) this.#report(ns, hint, row.id);
      } catch {
        // A hint may be late. Readers of a job also look at its record, and get the error of the server.
        return;
      }
    }
  }

  #report(ns: number, hint: StoreHint, id: string): void {
    for (const listener of this.#watched.get(ns)?.listeners ?? []) {
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
}
