import {
  type Admin,
  checkKeys,
  type Driver,
  driverScope,
  type DriverStats,
  type Duration,
  durationOption,
  type ErrorKind,
  type KnownKeys,
  type Limits,
  numberOption,
  type OpenOptions,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  sendUntilAborted,
  type Source,
} from "../../src/driver/index.ts";
import { checkQueueName, traitsOf } from "../sql/queue/queue-row.ts";
import { RedisAdmin } from "./admin.ts";
import type { ConnectionOptions } from "./connection/options.ts";
import { RedisConnection } from "./connection/redis-connection.ts";
import { classify } from "./errors.ts";
import { readHandle } from "./handles.ts";
import { channelOf, keysOf } from "./keys.ts";
import { redisLimits } from "./limits.ts";
import { LocalSources } from "./local-sources.ts";
import { readInfo } from "./queue-info.ts";
import { cancelScript } from "./scripts/cancel.ts";
import { sendScript } from "./scripts/send.ts";
import { statsScript } from "./scripts/stats.ts";
import { type Batch, packBatch } from "./send.ts";
import { redisSource } from "./source.ts";
import { ReplicatedSends, type WaitOption } from "./replicated-sends.ts";

/** Options of the Redis driver: the connection, and properties of its queues. */
export interface RedisOptions extends ConnectionOptions {
  /**
   * The time in which a repeated `dedupId` is absorbed, for queues that are created or provisioned with these options.
   * @default 0, which is none
   */
  readonly dedupWindowMs?: Duration | undefined;
  /** The bytes of the largest message: body and attributes. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /**
   * Waits after each send until this many replicas have it. A send that too few have confirmed in time fails as ambiguous:
   * it is on the primary, and is sent again with the same `dedupId`. Needs `url`: the sends get a connection of their own.
   * @default none: a failover may lose the last messages
   */
  readonly wait?: WaitOption | undefined;
  /** Limits that are tighter than the adapter's, for tests. @default the adapter's */
  readonly limits?: Partial<Limits> | undefined;
}

const OPTIONS: KnownKeys<RedisOptions> = {
  url: true,
  cluster: true,
  client: true,
  prefix: true,
  requestTimeoutMs: true,
  subscribe: true,
  clock: true,
  dedupWindowMs: true,
  maxMessageBytes: true,
  wait: true,
  limits: true,
};

/** Far below the 512 MB of a value, since each script holds all of its messages. */
const MOST_BYTES = 64 * 1_048_576;
/** The pauses between two claims of an idle queue, which only messages need whose notification was lost. */
const FLOOR_MS = { from: 1_000, to: 5_000 };
/** The same without notifications. */
const DEAF_FLOOR_MS = { from: 100, to: 1_000 };

/**
 * Creates a driver for queues in Redis 6.2 or later, Valkey, or a server that understands their scripts.
 *
 * @throws QueueError `config` if an option is wrong
 *
 * @example
 * import { createQueue } from "queueport";
 * import { redis } from "queueport/redis";
 *
 * const queue = createQueue(redis({ url: "redis://localhost:6379" }));
 */
export function redis(options: RedisOptions = {}): Driver {
  checkKeys("redis", options, OPTIONS);
  return new RedisDriver(options);
}

class RedisDriver implements Driver {
  readonly provider = "redis";
  readonly scope: string;
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #connection: RedisConnection;
  readonly #replicated: ReplicatedSends | undefined;
  readonly #sources = new LocalSources();
  readonly #dedupMs: number;
  readonly #floorMs: typeof FLOOR_MS;

  constructor(options: RedisOptions) {
    const { maxMessageBytes, wait, limits, subscribe = true } = options;
    this.#dedupMs = Math.ceil(
      durationOption("redis: dedupWindowMs", options.dedupWindowMs, { least: 0 }) ?? 0,
    );
    const maxBytes =
      numberOption("redis: maxMessageBytes", maxMessageBytes, { least: 1, most: MOST_BYTES }) ??
      redisLimits.maxMessageBytes;
    this.#connection = new RedisConnection(options);
    this.#replicated = wait === undefined ? undefined : new ReplicatedSends(options, wait);
    this.#floorMs = subscribe ? FLOOR_MS : DEAF_FLOOR_MS;
    this.scope = driverScope("redis", [this.#connection.place], this.#connection.prefix);
    this.limits = {
      ...redisLimits,
      maxMessageBytes: maxBytes,
      maxBatchBytes: Math.max(redisLimits.maxBatchBytes, maxBytes),
      ...limits,
    };
    this.admin = new RedisAdmin(this.#connection, this.#dedupMs);
  }

  async describe(queue: string): Promise<QueueTraits> {
    checkQueueName(queue);
    const created = { ordered: false, dedupMs: this.#dedupMs };
    return traitsOf(queue, (await readInfo(this.#connection, queue)) ?? created);
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  async send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    checkQueueName(queue);
    const batch = packBatch(queue, messages);
    return sendUntilAborted(queue, signal, () => this.#send(queue, batch));
  }

  open(queue: string, options: OpenOptions): Source {
    checkQueueName(queue);
    return redisSource({
      ...options,
      queue,
      connection: this.#connection,
      sources: this.#sources,
      waitMs: options.waitMs ?? this.limits.longPollMs,
      floorMs: this.#floorMs,
    });
  }

  async stats(queue: string): Promise<DriverStats> {
    checkQueueName(queue);
    const action = `count the messages of queue "${queue}"`;
    const counts = await this.#connection.run(action, statsScript, this.#keys(queue), []);
    const [ready, inFlight, delayed] = counts as [number, number, number];
    return { ready, inFlight, delayed, approximate: false, asOf: this.#connection.clock.now() };
  }

  async cancel(handle: string): Promise<boolean> {
    const { queue, id, keyQueue } = readHandle(handle);
    const values = [this.#channel(queue), id, keyQueue];
    const action = `cancel a delayed message of queue "${queue}"`;
    return (await this.#connection.run(action, cancelScript, this.#keys(queue), values)) === 1;
  }

  async close(): Promise<void> {
    await Promise.all([this.#connection.close(), this.#replicated?.close()]);
  }

  async #send(queue: string, { values, results, isDue }: Batch): Promise<SendResult[]> {
    if (values.length === 0) return [];
    const action = `send to queue "${queue}"`;
    const all = [this.#channel(queue), String(this.#dedupMs), ...values];
    const connection = this.#replicated ?? this.#connection;
    const sent = connection.run(action, sendScript, this.#keys(queue), all);
    if (isDue) this.#sources.wake(queue);
    return results((await sent) as unknown[]);
  }

  #keys(queue: string): string[] {
    return keysOf(this.#connection.prefix, queue);
  }

  #channel(queue: string): string {
    return channelOf(this.#connection.prefix, queue);
  }
}
