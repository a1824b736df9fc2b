import {
  type Attributes,
  type Body,
  DriverError,
  type ErrorKind,
  rejectOnAbort,
} from "../../../src/driver/index.ts";
import { driverError } from "./errors.ts";

/** Options of the connection. */
export interface ConnectionOptions {
  /** The address of the server. TODO: its form and its default. */
  readonly url?: string | undefined;
  /** The time limit of a request, in milliseconds. A poll may take this long after its wait. @default 10000 */
  readonly requestTimeoutMs?: number | undefined;
  /** A client to use instead of an own one. `close` leaves it open. */
  readonly client?: Client | undefined;
}

/** The settings of a queue on the server. */
export interface QueueSettings {
  readonly ordered: boolean;
}

/** One message to store. */
export interface StoredEntry {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly delayMs: number;
  readonly orderingKey?: string | undefined;
}

/** One leased message. */
export interface ReceivedEntry {
  readonly id: string;
  /** The proof that this lease is the latest one of the message. */
  readonly token: string;
  readonly body: Body;
  readonly attributes: Attributes;
  readonly orderingKey?: string | undefined;
  /** The deliveries of the message, this one included. The server counts them. */
  readonly deliveries: number;
  readonly enqueuedAt: number;
  /**
   * Epoch milliseconds of this process: the time before the request that leased the message, plus the lease. A poll that
   * looks repeatedly takes it before each look.
   */
  readonly leaseUntil: number;
}

/** The change of one leased message: it is removed, leased for `ms` from now, or delivered again after `ms`. */
export interface Change {
  readonly id: string;
  readonly token: string;
  readonly kind: "ack" | "extend" | "release";
  readonly ms: number;
}

/**
 * The requests that the adapter makes.
 * TODO: Replace this interface by a type of the provider's client, and each use of it by the client's own calls.
 */
export interface Client {
  createQueue(name: string, settings: QueueSettings): Promise<void>;
  /** Undefined if the queue does not exist. */
  readQueue(name: string): Promise<QueueSettings | undefined>;
  deleteQueue(name: string): Promise<void>;
  /** Returns the id of each message. */
  send(name: string, entries: readonly StoredEntry[]): Promise<readonly string[]>;
  /** Waits for messages, at most `waitMs`, or until `signal` aborts. */
  receive(
    name: string,
    options: {
      readonly max: number;
      readonly leaseMs: number;
      readonly waitMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<readonly ReceivedEntry[]>;
  /** Returns for each change whether it was made. False: the lease was lost. */
  change(name: string, changes: readonly Change[]): Promise<readonly boolean[]>;
  count(
    name: string,
  ): Promise<{ readonly ready: number; readonly inFlight: number; readonly delayed: number }>;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;

/** The connection of one driver. The first request opens it, and the first request after it was lost opens it again. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #timeoutMs: number;
  #opened: Promise<Client> | undefined;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
  }

  /**
   * Makes one request. It is never repeated: the core does that, and knows that the first one may have taken effect.
   *
   * @param attempted the purpose of the request, for its error
   * @param waitMs the time for which the server may wait before it answers
   * @throws DriverError `transient` if there is no connection in time; `ambiguous` if there is no answer in time;
   * otherwise the classified error
   */
  async request<T>(attempted: string, call: (client: Client) => Promise<T>, waitMs: number = 0): Promise<T> {
    const timeoutMs = waitMs + this.#timeoutMs;
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(), timeoutMs);
    const late = (kind: ErrorKind, missing: string) => () =>
      new DriverError(kind, `Could not ${attempted}: no ${missing} within ${timeoutMs} ms.`);
    const opened = this.#client();
    try {
      const client = await rejectOnAbort(opened, giveUp.signal, late("transient", "connection"));
      return await rejectOnAbort(call(client), giveUp.signal, late("ambiguous", "answer"));
    } catch (error) {
      // A connection that a firewall has dropped accepts requests and answers none.
      if (giveUp.signal.aborted) this.#replace(opened);
      throw driverError(error, attempted);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the client, unless it was injected. Requests that are under way may fail. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = this.#opened;
    this.#opened = undefined;
    if (this.#options.client === undefined)
      await opened?.then((client) => client.close()).catch(() => undefined);
  }

  /** A failure is not cached: the next request connects again. */
  #client(): Promise<Client> {
    if (this.#closed) return Promise.reject(new DriverError("permanent", "The driver is closed."));
    if (this.#opened === undefined) {
      const opening: Promise<Client> = open(this.#options, () => this.#forget(opening));
      opening.catch(() => this.#forget(opening));
      this.#opened = opening;
    }
    return this.#opened;
  }

  #forget(opened: Promise<Client>): void {
    if (this.#opened === opened) this.#opened = undefined;
  }

  #replace(opened: Promise<Client>): void {
    this.#forget(opened);
    if (this.#options.client === undefined)
      void opened.then((client) => client.close()).catch(() => undefined);
  }
}

/**
 * Opens a client. TODO: Switch off its retries, its reconnection and its queue of unsent commands.
 *
 * @param _lost TODO: call this when the connection is lost, so that the next request opens another one
 */
async function open({ url, client }: ConnectionOptions, _lost: () => void): Promise<Client> {
  if (client !== undefined) return client;
  throw new DriverError(
    "permanent",
    `The adapter "template" is not implemented yet: adapters/template/clients.ts does not connect to ${url ?? "a server"}`,
  );
}
