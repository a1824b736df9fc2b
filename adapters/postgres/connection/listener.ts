import { randomUUID } from "node:crypto";
import type { Client, Notification } from "pg";
import type { Clock } from "../../../src/driver/index.ts";

export interface ListenerOptions {
  /** Creates a client that is not connected yet. */
  readonly client: () => Client;
  readonly channel: string;
  /** Sends a notification on the channel, on another connection. */
  readonly notify: (payload: string) => Promise<void>;
  readonly onMessage: (payload: string) => void;
  /** Called when the listener begins to hear, and when it stops. Notifications in between are lost. */
  readonly onChange: (hears: boolean) => void;
  /** Called once if a connection is there and hears nothing, as behind a pooler. */
  readonly onDeaf: () => void;
  readonly clock: Clock;
}

const ECHO = "echo:";
/** The time in which the first echo must be heard. */
const FIRST_ECHO_MS = 1_000;
const ECHO_MS = 5_000;
const HEARTBEAT_MS = 10_000;
/** The pause before a connection is built again that never heard anything. */
const DEAF_PAUSE_MS = 60_000;
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [200, 10_000];

/**
 * A connection that listens on one channel. An echo proves that it hears: a notification of its own, which another
 * connection sends. Nothing else does: a pooler answers `LISTEN` and forgets it, and a firewall may have dropped the
 * connection silently. A listener keeps no process alive.
 */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #token = `${ECHO}${randomUUID()}`;
  readonly #closing = new AbortController();
  #hears = false;
  #warned = false;
  /** Called when an echo arrives. */
  #onEcho: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Whether notifications are heard at the moment. */
  get hears(): boolean {
    return this.#hears;
  }

  /** Connects, and again after every loss. Idempotent. */
  start(): void {
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let pauseMs = SHORTEST_PAUSE_MS;
    while (!signal.aborted) {
      const heard = await this.#session();
      this.#change(false);
      if (heard) pauseMs = SHORTEST_PAUSE_MS;
      await this.#pause(this.#warned && !heard ? DEAF_PAUSE_MS : pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** Listens on one connection until it is lost. Returns whether it has heard anything. Never rejects. */
  async #session(): Promise<boolean> {
    const { channel, onMessage } = this.#options;
    const lost = new AbortController();
    const lose = (): void => lost.abort();
    const signal = AbortSignal.any([lost.signal, this.#closing.signal]);
    let client: Client | undefined;
    let heard = false;
    try {
      client = this.#options.client();
      client.on("error", lose);
      client.on("end", lose);
      client.on("notification", ({ payload = "" }: Notification) => {
        if (payload === this.#token) this.#onEcho?.();
        else if (!payload.startsWith(ECHO)) onMessage(payload);
      });
      await client.connect();
      await client.query(`LISTEN ${channel}`);
      // The connection alone does not keep the process alive.
      (client as Client & { unref(): void }).unref();
      while (!signal.aborted) {
        const echo = await this.#echo(heard ? ECHO_MS : FIRST_ECHO_MS, signal);
        if (signal.aborted) break;
        if (echo === "silence") {
          if (!heard) this.#warnOnce();
          break;
        }
        if (echo === "heard") {
          heard = true;
          this.#change(true);
        }
        await this.#pause(HEARTBEAT_MS, signal);
      }
    } catch {
      // The connection was refused or lost. The next session tries again.
    } finally {
      void client?.end().catch(() => {});
    }
    return heard;
  }

  /** Sends an echo, and waits for it. An echo that could not be sent proves nothing. */
  async #echo(ms: number, signal: AbortSignal): Promise<"heard" | "silence" | "not sent"> {
    const waited = new AbortController();
    let heard = false;
    this.#onEcho = () => {
      heard = true;
      waited.abort();
    };
    try {
      await this.#options.notify(this.#token);
    } catch {
      return heard ? "heard" : "not sent";
    }
    await this.#pause(ms, AbortSignal.any([signal, waited.signal]));
    return heard ? "heard" : "silence";
  }

  #warnOnce(): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#options.onDeaf();
  }

  #change(hears: boolean): void {
    if (hears === this.#hears) return;
    this.#hears = hears;
    this.#options.onChange(hears);
  }

  /** Waits for `ms`, or until `signal` aborts. Does not keep the process alive. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = this.#options.clock.timer(ms, end);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}
