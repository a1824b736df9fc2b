import type { Clock } from "../../../src/driver/index.ts";
import { type SubscribingClient, subscribingClient } from "./command-client.ts";
import type { ConnectionOptions } from "./options.ts";

/** The callbacks of one subscription. They must not throw. */
export interface SubscriptionListener {
  readonly onMessage: (message: string) => void;
  /** Called each time the channel begins to be heard. Messages before were lost. */
  readonly onHears: () => void;
}

export interface Subscription {
  /** Ends the subscription. Idempotent. */
  close(): void;
}

export interface SubscriberOptions {
  readonly connection: ConnectionOptions;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
}

/** The pause between two questions whether the connection still answers. */
const HEARTBEAT_MS = 10_000;
/** The pauses between two attempts to connect. Each is shortened by up to a half at random. */
const [SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS] = [200, 10_000];

/**
 * One connection that hears all channels of a driver. It exists while there are subscriptions, is built again after every
 * loss, and keeps no process alive. Messages are delivered at most once, so a subscriber also looks from time to time.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #listeners = new Map<string, Set<SubscriptionListener>>();
  #session: AbortController | undefined;
  #client: SubscribingClient | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  /** Whether the connection is there. */
  get hears(): boolean {
    return this.#client !== undefined;
  }

  subscribe(channel: string, listener: SubscriptionListener): Subscription {
    const listeners = this.#listeners.get(channel) ?? new Set();
    const isNew = listeners.size === 0;
    this.#listeners.set(channel, listeners.add(listener));
    if (this.#client === undefined) this.#start();
    else if (isNew) void this.#hear(this.#client, channel);
    return { close: () => this.#remove(channel, listener) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#session?.abort();
    await this.#running;
  }

  #remove(channel: string, listener: SubscriptionListener): void {
    const listeners = this.#listeners.get(channel);
    if (listeners?.delete(listener) !== true || listeners.size > 0) return;
    this.#listeners.delete(channel);
    if (this.#listeners.size === 0) this.#session?.abort();
    else this.#client?.unsubscribe(channel).catch(() => this.#session?.abort());
  }

  #start(): void {
    if (this.#isClosed) return;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#listeners.size > 0) this.#start();
    });
  }

  async #run(): Promise<void> {
    const { random = Math.random } = this.#options;
    let pauseMs = SHORTEST_PAUSE_MS;
    for (let attempt = 0; this.#listeners.size > 0 && !this.#isClosed; attempt += 1) {
      const session = new AbortController();
      this.#session = session;
      const heard = await this.#listen(session, attempt);
      if (this.#listeners.size === 0 || this.#isClosed) return;
      if (heard) pauseMs = SHORTEST_PAUSE_MS;
      const stop = new AbortController();
      this.#session = stop;
      await this.#pause(pauseMs * (1 - random() / 2), stop.signal);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** Hears on one connection until it is lost. Returns whether it has heard. Never rejects. */
  async #listen(session: AbortController, attempt: number): Promise<boolean> {
    const { connection, timeoutMs } = this.#options;
    const { signal } = session;
    const lose = (): void => session.abort();
    let client: SubscribingClient | undefined;
    let heard = false;
    try {
      client = await subscribingClient(connection, timeoutMs, attempt);
      if (client === undefined) return heard;
      client.on("error", lose);
      client.on("end", lose);
      client.unref();
      await this.#inTime(client.connect(), signal);
      for (const channel of this.#listeners.keys()) await this.#hear(client, channel);
      this.#client = signal.aborted ? undefined : client;
      heard = !signal.aborted;
      while (!signal.aborted) {
        await this.#pause(HEARTBEAT_MS, signal);
        if (!signal.aborted) await this.#inTime(client.sendCommand(["PING"]), signal);
      }
    } catch {
      // The connection was refused or lost. The next session tries again.
    } finally {
      this.#client = undefined;
      session.abort();
      destroy(client);
    }
    return heard;
  }

  /** Subscribes on the connection. A channel that is refused is found by polling, as when nothing is heard. */
  async #hear(client: SubscribingClient, channel: string): Promise<void> {
    try {
      await client.subscribe(channel, (message) => {
        for (const { onMessage } of this.#listeners.get(channel) ?? []) onMessage(message);
      });
      for (const { onHears } of this.#listeners.get(channel) ?? []) onHears();
    } catch {
      this.#session?.abort();
    }
  }

  /** Settles as `work` does, and rejects when the time limit has passed or `signal` aborts. */
  #inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new Error("the connection of subscriptions is lost"));
      const timer = this.#options.clock.timer(this.#options.timeoutMs, fail);
      if (signal.aborted) fail();
      signal.addEventListener("abort", fail, { once: true });
      work.then(resolve, reject).finally(() => {
        timer.cancel();
        signal.removeEventListener("abort", fail);
      });
    });
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

function destroy(client: SubscribingClient | undefined): void {
  try {
    client?.destroy();
  } catch {
    // It was never connected.
  }
}
