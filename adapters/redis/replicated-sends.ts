import { DriverError, type Duration, durationOption, numberOption } from "../../src/driver/index.ts";
import type { ConnectionOptions } from "./connection/options.ts";
import { RedisConnection } from "./connection/redis-connection.ts";
import type { Script } from "./connection/script.ts";
import { configError } from "./errors.ts";

/** How many replicas must have a send, and how long it waits for them. */
export interface WaitOption {
  /** The number of replicas, at least 1. */
  readonly replicas: number;
  /** The longest wait, in milliseconds. @default 1000 */
  readonly timeoutMs?: Duration | undefined;
}

const DEFAULT_WAIT_MS = 1_000;
/** Shorter than the time limit of a request. */
const LONGEST_WAIT_MS = 5_000;

/** The connection of sends that wait for replicas. It is their own, since `WAIT` holds up everything behind it. */
export class ReplicatedSends {
  readonly #connection: RedisConnection;
  readonly #replicas: number;
  readonly #waitMs: number;

  /** @throws QueueError `config` if the option is wrong, or the connection is not by `url` */
  constructor(options: ConnectionOptions, { replicas, timeoutMs }: WaitOption) {
    if (options.client !== undefined || options.cluster !== undefined)
      throw configError(
        "wait needs a connection of its own by url; it works with neither client nor cluster",
      );
    this.#replicas = numberOption("redis: wait.replicas", replicas, { least: 1, most: 100 }) ?? 1;
    this.#waitMs = Math.ceil(
      durationOption("redis: wait.timeoutMs", timeoutMs, { least: 1, most: LONGEST_WAIT_MS }) ??
        DEFAULT_WAIT_MS,
    );
    this.#connection = new RedisConnection({ ...options, subscribe: false });
  }

  /**
   * Runs a script, and waits until enough replicas have what it wrote.
   * @throws DriverError `ambiguous` if they do not have it in time
   */
  async run(
    action: string,
    script: Script,
    keys: readonly string[],
    values: readonly string[],
  ): Promise<unknown> {
    const wait = ["WAIT", String(this.#replicas), String(this.#waitMs)];
    const { reply, after } = await this.#connection.runThen(action, script, keys, values, wait);
    if (Number(after) >= this.#replicas) return reply;
    throw new DriverError(
      "ambiguous",
      `${action}: ${String(after)} of ${this.#replicas} replicas confirmed it within ${this.#waitMs} ms; the primary has it`,
    );
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
