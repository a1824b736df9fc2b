import { type Clock, DriverError, durationOption, systemClock } from "../../../src/driver/index.ts";
import { configError, driverError, endsConnection, replyCode } from "../errors.ts";
import { type CommandClient, connectCommands } from "./command-client.ts";
import { type ConnectionOptions, DEFAULT_PREFIX, DEFAULT_TIMEOUT_MS, DEFAULT_URL } from "./options.ts";
import { RequestTimer } from "./request-timer.ts";
import type { Script } from "./script.ts";
import { Subscriber, type Subscription, type SubscriptionListener } from "./subscriber.ts";

/** One connection, from its beginning to its loss. */
interface Session {
  readonly client: CommandClient;
  readonly timer: RequestTimer;
}

/**
 * The connections to one server or cluster: one for all commands, one for all subscriptions, whatever the number of queues.
 * They are opened when they are needed, again after a loss, and keep no process alive while nothing is under way. No command
 * blocks, and none is repeated: the core decides that. Every error is a `DriverError`.
 */
export class RedisConnection {
  /** The first part of every key and channel. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly requestTimeoutMs: number;
  readonly #options: ConnectionOptions;
  readonly #subscriber: Subscriber | undefined;
  #session: Promise<Session> | undefined;
  #isClosed = false;

  /** @throws QueueError `config` if an option is wrong */
  constructor(options: ConnectionOptions = {}) {
    const { url, cluster, client, prefix = DEFAULT_PREFIX, subscribe = true, clock = systemClock } = options;
    if ([url, cluster, client].filter((one) => one !== undefined).length > 1)
      throw configError("give one of url, cluster and client");
    if (cluster?.length === 0) throw configError("cluster needs the address of at least one node");
    for (const address of [url ?? [], cluster ?? []].flat()) checkUrl(address);
    if (client !== undefined && typeof (client as { sendCommand?: unknown }).sendCommand !== "function")
      throw configError("client must be a client of @redis/client, as createClient returns");
    if (!PREFIX.test(prefix))
      throw configError(
        `prefix must be 1 to 100 letters, digits, points, dashes, underscores and colons; got "${prefix}"`,
      );
    this.requestTimeoutMs =
      durationOption("redis: requestTimeoutMs", options.requestTimeoutMs) ?? DEFAULT_TIMEOUT_MS;
    this.prefix = prefix;
    this.clock = clock;
    this.#options = options;
    this.#subscriber = subscribe
      ? new Subscriber({ connection: options, clock, timeoutMs: this.requestTimeoutMs })
      : undefined;
  }

  /** The server and the number of its database, without a secret; undefined if a client was passed in. */
  get place(): string | undefined {
    const { client, url = DEFAULT_URL, cluster } = this.#options;
    if (client !== undefined) return undefined;
    const { host, pathname } = new URL(cluster?.[0] ?? url);
    return pathname.length > 1 ? `${host}${pathname}` : host;
  }

  /** Whether new messages are heard of, so that they need not be looked for. */
  get hears(): boolean {
    return this.#subscriber?.hears ?? false;
  }

  /**
   * Runs a script.
   * @param action the attempt in words, for errors: `send to queue "emails"`
   * @param keys all keys of the script, in one slot
   * @throws DriverError of the kind of the failure
   */
  async run(
    action: string,
    script: Script,
    keys: readonly string[],
    values: readonly string[],
  ): Promise<unknown> {
    const [reply] = await this.#run(action, script, keys, values, []);
    return reply;
  }

  /**
   * Runs a script and then a command on the same connection. Rejects if either fails.
   * @throws DriverError of the kind of the failure
   */
  async runThen(
    action: string,
    script: Script,
    keys: readonly string[],
    values: readonly string[],
    command: readonly string[],
  ): Promise<{ readonly reply: unknown; readonly after: unknown }> {
    const [reply, after] = await this.#run(action, script, keys, values, [command]);
    return { reply, after };
  }

  /**
   * Runs one command.
   * @param key the key whose slot decides the node of a cluster; undefined for any node
   * @throws DriverError of the kind of the failure
   */
  async command(action: string, key: string | undefined, args: readonly string[]): Promise<unknown> {
    const [reply] = await this.#send(action, key, [args]);
    return reply;
  }

  /** Hears a channel. Undefined if the options say not to. Nothing is lost but speed while the channel is not heard. */
  subscribe(channel: string, listener: SubscriptionListener): Subscription | undefined {
    return this.#subscriber?.subscribe(channel, listener);
  }

  /** Closes the connections that were opened here. Commands under way reject. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const session = this.#session;
    this.#session = undefined;
    await this.#subscriber?.close();
    try {
      (await session)?.client.destroy();
    } catch {
      // There was no connection.
    }
  }

  async #run(
    action: string,
    script: Script,
    keys: readonly string[],
    values: readonly string[],
    more: readonly (readonly string[])[],
  ): Promise<unknown[]> {
    const rest = [String(keys.length), ...keys, ...values];
    try {
      return await this.#send(action, keys[0], [["EVALSHA", script.sha, ...rest], ...more]);
    } catch (error) {
      if (!(error instanceof DriverError) || replyCode(error.cause) !== "NOSCRIPT") throw error;
      // A server that does not know the script has run nothing. `EVAL` also stores it, on the node of the keys.
      return await this.#send(action, keys[0], [["EVAL", script.text, ...rest], ...more]);
    }
  }

  /** Sends commands together on one connection. */
  async #send(
    action: string,
    key: string | undefined,
    commands: readonly (readonly string[])[],
  ): Promise<unknown[]> {
    if (this.#isClosed) throw new DriverError("permanent", `${action}: the connection is closed`);
    this.#session ??= this.#connect();
    const opening = this.#session;
    let session: Session;
    try {
      session = await opening;
    } catch (error) {
      if (this.#session === opening) this.#session = undefined;
      throw driverError(error, `${action}: connect`, false);
    }
    const { client, timer } = session;
    const request = timer.begin(action);
    try {
      const replies = Promise.all(commands.map((args) => client.send(key, args)));
      return await Promise.race([replies, request.late]);
    } catch (error) {
      if (endsConnection(error)) this.#lose(opening, client);
      throw driverError(error, action);
    } finally {
      request.end();
    }
  }

  #connect(): Promise<Session> {
    const { clock, requestTimeoutMs: timeoutMs } = this;
    let isLost = false;
    const lost = (): void => {
      isLost = true;
      if (this.#session === session) this.#session = undefined;
    };
    const session = connectCommands(this.#options, { timeoutMs, clock }, lost).then((client): Session => {
      if (isLost) throw new DriverError("transient", "the connection was lost while it was opened");
      const timer = new RequestTimer(clock, timeoutMs, {
        onBusy: (isBusy) => client.keepAlive(isBusy),
        onLate: () => this.#lose(session, client),
      });
      return { client, timer };
    });
    return session;
  }

  #lose(session: Promise<Session>, client: CommandClient): void {
    if (this.#session === session) this.#session = undefined;
    client.destroy();
  }
}

const PREFIX = /^[\w.:-]{1,100}$/;

function checkUrl(url: string): void {
  // The URL has a password in it, so the error does not show it.
  if (!/^rediss?:\/\//.test(url) || !URL.canParse(url))
    throw configError("an address must begin with redis:// or rediss://");
}
