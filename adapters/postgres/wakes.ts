import { randomUUID } from "node:crypto";
import type { Timer, WakingSource } from "../../src/driver/index.ts";
import type { Listener } from "./connection/listener.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { channelOf } from "./schema/queue-schema.ts";

/**
 * The time between two statements that notify, in milliseconds: the shortest after a pause, twice as long after each
 * statement that had to wait. So a single message is not held up, and a flood of them makes 50 statements a second.
 */
const PAUSE_MS = { shortest: 1, longest: 20 };
/**
 * The time in which the sources of this driver may take a message before other processes are notified, in milliseconds. A
 * notification is a commit, which would make them wait.
 */
const HEAD_START_MS = 10;
/** Not flushed to disk: a notification is worthless after a crash, and others would wait for the flush. */
const NOTIFY = "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";
/** Queues of one notification, which has room for 8,000 bytes, and for the longest name eight times. */
const MOST_QUEUES = 8;

/** A notification: the token of its sender, and the queues with the milliseconds until their message is due. */
type Payload = readonly [token: string, ...queues: (readonly [queue: string, dueInMs: number])[]];

/**
 * Wakes the sources of a queue when it has a new message: those of this driver at once, those of other processes by a
 * notification. A notification is never part of the transaction of a send: its commit takes a lock on the whole database,
 * which makes senders wait for each other. One statement notifies of all queues.
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
  #pauseMs = PAUSE_MS.shortest;
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
    if (this.#pause !== undefined) return;
    if (this.#sources.has(queue)) this.#rest(HEAD_START_MS);
    else this.#notify();
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
    const due = [...this.#pending].map(
      ([queue, dueAt]) => [queue, Math.max(0, Math.ceil(dueAt - now))] as const,
    );
    this.#pending = new Map();
    this.#rest(this.#pauseMs);
    for (let from = 0; from < due.length; from += MOST_QUEUES)
      this.#send([this.#token, ...due.slice(from, from + MOST_QUEUES)]);
  }

  /** Collects announcements for `ms`, and then notifies of them. */
  #rest(ms: number): void {
    this.#pause = this.#connection.clock.timer(ms, () => {
      this.#pause = undefined;
      const hasWaited = this.#pending.size > 0;
      this.#pauseMs = hasWaited ? Math.min(2 * this.#pauseMs, PAUSE_MS.longest) : PAUSE_MS.shortest;
      if (hasWaited) this.#notify();
    });
  }

  #send(payload: Payload): void {
    const values = [this.#channel, JSON.stringify(payload)];
    // On the connection of settlements, so that no send waits for it.
    const sending = this.#connection.query("NOTIFY", NOTIFY, values, { name: "qp_notify", on: "settle" });
    // Other processes look at the queue once a second anyway.
    this.#sending = Promise.allSettled([this.#sending, sending]).then(() => {});
  }

  #heard(text: string): void {
    const [token, ...queues] = payloadOf(text);
    if (token === this.#token) return;
    for (const [queue, dueInMs] of queues) this.wake(queue, dueInMs);
  }
}

/** Reads a notification. Anybody may send one, so another one is read as empty. */
function payloadOf(text: string): Payload {
  try {
    const [token, ...queues] = JSON.parse(text) as Payload;
    if (queues.every(([queue, dueInMs]) => typeof queue === "string" && Number.isFinite(dueInMs)))
      return [token, ...queues];
  } catch {
    // Not a notification of queueport.
  }
  return [""];
}
