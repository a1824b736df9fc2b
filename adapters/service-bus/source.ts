import type {
  Clock,
  Delivery,
  OpenOptions,
  Operation,
  SettleResult,
  Source,
} from "../../src/driver/index.ts";
import { Answers } from "./answers.ts";
import type { Clients } from "./clients.ts";
import type { Feed } from "./feed.ts";
import { Mailbox } from "./mailbox.ts";
import type { Entity } from "./names.ts";
import { QueueFeed } from "./queue-feed.ts";
import { SessionFeed } from "./session-feed.ts";
import { settleAll, type SettleContext } from "./settle.ts";
import type { Description } from "./traits.ts";
import { SettleSerializer } from "./turnstile.ts";

export interface ServiceBusSourceOptions extends OpenOptions {
  readonly clients: Clients;
  readonly entity: Entity;
  readonly describe: () => Promise<Description>;
  readonly waitMs: number;
  readonly clock: Clock;
  readonly closed: (source: ServiceBusSource) => void;
}

/** Messages of one queue as they are asked for, and their settlement. */
export class ServiceBusSource implements Source {
  readonly #options: ServiceBusSourceOptions;
  readonly #mailbox: Mailbox;
  readonly #settling: SettleContext;
  #feed: Feed | undefined;
  #isStopped = false;

  constructor(options: ServiceBusSourceOptions) {
    this.#options = options;
    const { clock } = options;
    this.#mailbox = new Mailbox(clock);
    this.#settling = { clock, turnstile: new SettleSerializer(), answers: new Answers(clock) };
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    if (this.#isStopped || signal.aborted) return [];
    const feed = this.#feed ?? (await this.#open());
    // What the service gives to a request that nobody waits for is locked all the same: it stays asked for.
    if (!this.#isStopped) feed.want(Math.max(0, max - this.#mailbox.size));
    return this.#mailbox.take(max, this.#options.waitMs, signal);
  }

  settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    return settleAll(operations, this.#settling);
  }

  async stop(): Promise<Delivery[]> {
    this.#isStopped = true;
    await this.#feed?.stop();
    return this.#mailbox.drain();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    this.#options.closed(this);
    await this.#feed?.close();
  }

  /** Whether there are sessions has to be known before anything can be received. */
  async #open(): Promise<Feed> {
    const { clients, entity, describe, clock } = this.#options;
    const { sessions, lockMs, isLockKnown } = await describe();
    if (this.#feed !== undefined) return this.#feed;
    const bySession = sessions && !entity.isDeadLetters;
    const feed = {
      client: bySession ? clients.sessions() : clients.messages,
      entity,
      mailbox: this.#mailbox,
      lock: { ms: lockMs, isKnown: isLockKnown },
      clock,
    };
    this.#feed = bySession ? new SessionFeed(feed) : new QueueFeed(feed);
    return this.#feed;
  }
}
