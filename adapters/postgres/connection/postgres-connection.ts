import { Client, type PoolConfig } from "pg";
import {
  allEnded,
  type Clock,
  durationOption,
  numberOption,
  systemClock,
} from "../../../src/driver/index.ts";
import { configError } from "../errors.ts";
import type { Row, Value } from "./executor.ts";
import { Listener, type ListenerOptions } from "./listener.ts";
import { type ConnectionOptions, DEFAULT_POOL_SIZE, DEFAULT_SCHEMA, DEFAULT_TIMEOUT_MS } from "./options.ts";
import { InjectedClient, isPool, RequestPool, type Requests } from "./request-pool.ts";

/** How one statement is run. */
export interface QueryOptions {
  /** The name under which the statement is prepared. Statements with parameters that are run often have one. */
  readonly name?: string | undefined;
  /**
   * `settle` uses the connection of settlements and notifications, so that an extension never waits for a send. So does
   * `check` if the pool is the caller's: a send within a transaction needs an answer first, and all connections of that
   * pool may be in transactions.
   * @default "work"
   */
  readonly on?: "work" | "settle" | "check" | undefined;
  /** The time limit, in milliseconds. @default `requestTimeoutMs` */
  readonly timeoutMs?: number | undefined;
}

/** The callbacks of a {@link PostgresConnection.listener}. */
export type Subscription = Pick<ListenerOptions, "onMessage" | "onChange">;

/**
 * The connections to one database: a small pool for sends and claims, one for settlements, and one for each channel that
 * is listened on. They are opened when they are needed, and keep no process alive. Every error is a `DriverError`.
 */
export class PostgresConnection {
  /** The name of the schema, which needs no quotes beyond those of {@link quoted}. */
  readonly schema: string;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly #options: ConnectionOptions;
  readonly #work: Requests;
  readonly #settle: Requests;
  readonly #listeners = new Set<Listener>();
  #settleOpened: Promise<unknown> | undefined;

  /** @throws QueueError `config` if an option is wrong */
  constructor(options: ConnectionOptions = {}) {
    const { client, schema = DEFAULT_SCHEMA, clock = systemClock } = options;
    // 48 characters leave room for the names of channels, since Postgres cuts names at 63 bytes.
    if (!/^[a-zA-Z_]\w{0,47}$/.test(schema))
      throw configError(`schema must be up to 48 letters, digits and underscores; got "${schema}"`);
    if (client !== undefined && options.url !== undefined) throw configError("give url or client, not both");
    if (client !== undefined && typeof client.query !== "function")
      throw configError("client must have a method query(text, values), as a pool of pg has");
    checkUrl("url", options.url);
    const { listen } = options;
    if (typeof listen === "object") checkUrl("listen.url", listen.url);
    const max =
      numberOption("postgres: poolSize", options.poolSize, { least: 1, most: 1_000 }) ?? DEFAULT_POOL_SIZE;
    this.requestTimeoutMs =
      durationOption("postgres: requestTimeoutMs", options.requestTimeoutMs) ?? DEFAULT_TIMEOUT_MS;
    this.schema = schema;
    this.clock = clock;
    this.#options = options;
    if (client === undefined || isPool(client)) {
      this.#work = new RequestPool(isPool(client) ? client : { ...this.#config(), max }, clock);
      // Kept open: an extension that first had to connect could come too late.
      this.#settle = new RequestPool({ ...this.#config(), max: 1, idleTimeoutMillis: 0 }, clock);
    } else {
      this.#work = new InjectedClient(client, clock);
      this.#settle = this.#work;
    }
  }

  /** The schema as it stands in a statement. */
  get quoted(): string {
    return `"${this.schema}"`;
  }

  /** The server and the database, without a secret; undefined if they are not known. */
  get place(): string | undefined {
    const { client, url } = this.#options;
    if (url !== undefined && URL.canParse(url)) {
      const { host, pathname } = new URL(url);
      return `${host}${pathname}`;
    }
    if (!isPool(client)) return undefined;
    const { host, port, database } = client.options;
    return host === undefined ? database : `${host}:${port ?? 5432}/${database ?? ""}`;
  }

  /**
   * Runs one statement.
   * @param action the attempt in words, for errors: `send to "emails"`
   * @throws DriverError of the kind of the failure
   */
  async query<R extends Row = Row>(
    action: string,
    text: string,
    values: readonly Value[] = [],
    { name, on = "work", timeoutMs = this.requestTimeoutMs }: QueryOptions = {},
  ): Promise<R[]> {
    const isOnSettle = on === "settle" || (on === "check" && isPool(this.#options.client));
    const requests = isOnSettle ? this.#settle : this.#work;
    return (await requests.run({ action, text, values, name, timeoutMs })) as R[];
  }

  /** Opens the connection for settlements, so that the first one does not have to. */
  async openSettle(): Promise<void> {
    this.#settleOpened ??= this.query("connect", "SELECT 1", [], { on: "settle" });
    try {
      await this.#settleOpened;
    } catch (error) {
      this.#settleOpened = undefined;
      throw error;
    }
  }

  /**
   * Runs statements in one transaction, which is rolled back if `work` rejects.
   * @param timeoutMs the time limit of each statement
   */
  transaction<T>(
    action: string,
    work: (run: <R extends Row = Row>(text: string, values?: readonly Value[]) => Promise<R[]>) => Promise<T>,
    timeoutMs: number = this.requestTimeoutMs,
  ): Promise<T> {
    return this.#work.transaction(action, timeoutMs, (run) => work(run as never));
  }

  /**
   * Listens on a channel. Undefined if the options say not to, or if the client that was passed in is no pool. Nothing is
   * heard until {@link Listener.start}.
   */
  listener(channel: string, subscription: Subscription): Listener | undefined {
    const { client, listen = true } = this.#options;
    const isPossible = client === undefined || isPool(client) || typeof listen === "object";
    if (listen === false || !isPossible) return undefined;
    const config = typeof listen === "object" ? { ...SOCKET, connectionString: listen.url } : this.#config();
    const listener = new Listener({
      ...subscription,
      channel: `"${channel}"`,
      clock: this.clock,
      client: (): Client => new Client({ ...config, connectionTimeoutMillis: this.requestTimeoutMs }),
      notify: async (payload) => {
        await this.query("NOTIFY", "SELECT pg_notify($1, $2)", [channel, payload]);
      },
      onDeaf: () => this.#warn(DEAF),
    });
    this.#listeners.add(listener);
    return listener;
  }

  /** Closes the connections that were opened here. Idempotent. */
  async close(): Promise<void> {
    await allEnded([...this.#listeners].map((listener) => listener.close()));
    await allEnded([this.#work.close(), this.#settle.close()]);
  }

  #config(): PoolConfig {
    const { client, url } = this.#options;
    const common = {
      ...SOCKET,
      allowExitOnIdle: true,
      connectionTimeoutMillis: this.requestTimeoutMs,
      idleTimeoutMillis: 60_000,
    };
    if (isPool(client)) {
      // `pg` hides the password from an enumeration.
      const { options } = client;
      return { ...options, password: options.password, ...common, max: 1 };
    }
    return url === undefined ? common : { ...common, connectionString: url };
  }

  #warn(message: string): void {
    const { onWarning } = this.#options;
    if (onWarning !== undefined) return onWarning(message);
    process.emitWarning(message, { type: "QueueportWarning", code: "QUEUEPORT_POSTGRES_DEAF" });
  }
}

/** The sockets of all own connections. */
const SOCKET = { keepAlive: true, application_name: "queueport" } as const;

const DEAF =
  "postgres: LISTEN hears nothing, probably because a pooler stands between. New messages are found by polling. Give listen: { url } with the address of the server itself, or listen: false to accept that.";

function checkUrl(option: string, url: string | undefined): void {
  if (url === undefined) return;
  // The URL has a password in it, so the error does not show it.
  const isUrl = /^(?:postgres(?:ql)?:\/\/|socket:|\/)/.test(url);
  if (!isUrl) throw configError(`${option} must begin with postgres:// or postgresql://`);
}
