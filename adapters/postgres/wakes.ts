import { randomUUID } from "node:crypto";
import type { Timer, WakingSource } from "../../src/driver/index.ts";
import type { Listener } from "./connection/listener.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { channelOf } from "./schema/queue-schema.ts";

/** The shortest time between two notifications of one queue by one process, in milliseconds. */
const PAUSE_MS = 20;

/** The announcements of one queue that follow each other within {@link PAUSE_MS}. */
interface Pause {
  timer: Timer;
  /** The due time of the next announcement, by the monotonic clock; undefined if there is none. */
  dueAt: number | undefined;
}

/**
 * Wakes the sources of a queue when it has a new message: those of this driver at once, those of other processes by a
 * notification. A notification is a statement of its own, and never part of the transaction of a send: its commit takes a
 * lock on the whole database, which makes senders wait for each other.
 */
export class Wakes {
  readonly #connection: PostgresConnection;
  readonly #channel: string;
  readonly #token: string = randomUUID().slice(0, 8);
  readonly #sources = new Map<string, Set<WakingSource>>();
  readonly #pauses = new Map<string, Pause>();
  readonly #listener: Listener | undefined;
  /** Notifications that are under way. */
  readonly #sending = new Set<Promise<void>>();

  constructor(connection: PostgresConnection) {
    this.#connection = connection;
    this.#channel = channelOf(connection.schema);
    this.#listener = connection.listener(this.#channel, {
      onMessage: (payload) => this.#heard(payload),
      // Notifications were lost until now.
      onChange: (hears) => {
        if (hears) for (const queue of this.#sources.keys()) this.wake(queue, 0);
      },
    });
  }

  add(queue: string, source: WakingSource): void {
    const sources = this.#sources.get(queue) ?? new Set();
    this.#sources.set(queue, sources.add(source));
  }

  remove(queue: string, source: WakingSource): void {
    const sources = this.#sources.get(queue);
    sources?.delete(source);
    if (sources?.size === 0) this.#sources.delete(queue);
  }

  /** Begins to hear the notifications of other processes. */
  listen(): void {
    this.#listener?.start();
  }

  /** Wakes the sources of this driver. */
  wake(queue: string, dueInMs: number): void {
    for (const source of this.#sources.get(queue) ?? []) source.wake(dueInMs);
  }

  /** Wakes the sources of this driver, and notifies those of other processes. */
  announce(queue: string, dueInMs: number): void {
    this.wake(queue, dueInMs);
    const { clock } = this.#connection;
    const pause = this.#pauses.get(queue);
    if (pause === undefined) {
      this.#pauses.set(queue, { dueAt: undefined, timer: this.#pause(queue) });
      this.#notify(queue, dueInMs);
    } else pause.dueAt = Math.min(pause.dueAt ?? Number.POSITIVE_INFINITY, clock.monotonic() + dueInMs);
  }

  /** Sends what is waiting. */
  async close(): Promise<void> {
    for (const [queue, { timer, dueAt }] of this.#pauses) {
      timer.cancel();
      if (dueAt !== undefined) this.#notify(queue, dueAt - this.#connection.clock.monotonic());
    }
    this.#pauses.clear();
    await Promise.all(this.#sending);
  }

  #pause(queue: string): Timer {
    const { clock } = this.#connection;
    return clock.timer(PAUSE_MS, () => {
      const pause = this.#pauses.get(queue);
      if (pause?.dueAt === undefined) {
        this.#pauses.delete(queue);
        return;
      }
      this.#notify(queue, pause.dueAt - clock.monotonic());
      pause.dueAt = undefined;
      pause.timer = this.#pause(queue);
    });
  }

  #notify(queue: string, dueInMs: number): void {
    const payload = `${this.#token} ${Math.max(0, Math.ceil(dueInMs))} ${queue}`;
    const sending = this.#connection
      .query("NOTIFY", "SELECT pg_notify($1, $2)", [this.#channel, payload], { name: "qp_notify" })
      // Other processes look at the queue once a second anyway.
      .then(
        () => {},
        () => {},
      )
      .finally(() => this.#sending.delete(sending));
    this.#sending.add(sending);
  }

  #heard(payload: string): void {
    const [, token, dueInMs = "0", queue = ""] = /^(\S+) (\d+) (.*)$/s.exec(payload) ?? [];
    if (token !== this.#token) this.wake(queue, Number(dueInMs));
  }
}
