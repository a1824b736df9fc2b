import { randomUUID } from "node:crypto";
import type { Timer, WakingSource } from "../../src/driver/index.ts";
import type { Listener } from "./connection/listener.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { channelOf } from "./schema/queue-schema.ts";

/** The shortest time between two statements that notify, in milliseconds. */
const PAUSE_MS = 20;
const NOTIFY = "SELECT pg_notify($1, payload) FROM json_array_elements_text($2::json) AS payload";

/**
 * Wakes the sources of a queue when it has a new message: those of this driver at once, those of other processes by a
 * notification. A notification is never part of the transaction of a send: its commit takes a lock on the whole database,
 * which makes senders wait for each other. One statement notifies of all queues, at most once in {@link PAUSE_MS}.
 */
export class Wakes {
  readonly #connection: PostgresConnection;
  readonly #channel: string;
  readonly #token: string = randomUUID().slice(0, 8);
  readonly #sources = new Map<string, Set<WakingSource>>();
  readonly #listener: Listener | undefined;
  /** The due times of what is not announced yet, by queue and by the monotonic clock. */
  #pending = new Map<string, number>();
  /** Ends the pause after a notification. */
  #pause: Timer | undefined;
  #sending: Promise<unknown> = Promise.resolve();

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
    const dueAt = this.#connection.clock.monotonic() + dueInMs;
    this.#pending.set(queue, Math.min(dueAt, this.#pending.get(queue) ?? Number.POSITIVE_INFINITY));
    if (this.#pause === undefined) this.#notify();
  }

  /** Sends what is waiting. */
  async close(): Promise<void> {
    this.#pause?.cancel();
    if (this.#pending.size > 0) this.#notify();
    this.#pause?.cancel();
    await this.#sending;
  }

  #notify(): void {
    const { clock } = this.#connection;
    const now = clock.monotonic();
    const payloads = [...this.#pending].map(
      ([queue, dueAt]) => `${this.#token} ${Math.max(0, Math.ceil(dueAt - now))} ${queue}`,
    );
    this.#pending = new Map();
    this.#pause = clock.timer(PAUSE_MS, () => {
      this.#pause = undefined;
      if (this.#pending.size > 0) this.#notify();
    });
    const values = [this.#channel, JSON.stringify(payloads)];
    // On the connection of settlements, so that no send waits for it.
    const sending = this.#connection.query("NOTIFY", NOTIFY, values, { name: "qp_notify", on: "settle" });
    // Other processes look at the queue once a second anyway.
    this.#sending = Promise.allSettled([this.#sending, sending]).then(() => {});
  }

  #heard(payload: string): void {
    const [, token, dueInMs = "0", queue = ""] = /^(\S+) (\d+) (.*)$/s.exec(payload) ?? [];
    if (token !== this.#token) this.wake(queue, Number(dueInMs));
  }
}
