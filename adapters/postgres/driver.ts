import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  DriverError,
  driverScope,
  type DriverSendOptions,
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
import { idOfHandle } from "../sql/queue/handles.ts";
import { traitsOf } from "../sql/queue/queue-row.ts";
import { PostgresAdmin } from "./admin.ts";
import type { PostgresExecutor, Row, Value } from "./connection/executor.ts";
import type { ConnectionOptions } from "./connection/options.ts";
import { PostgresConnection } from "./connection/postgres-connection.ts";
import { classify, configError, driverError } from "./errors.ts";
import { postgresLimits } from "./limits.ts";
import { checkQueueName } from "./names.ts";
import { checkSchema, type SchemaReader } from "./schema/migrate.ts";
import { queueSchema } from "./schema/queue-schema.ts";
import { type Batch, encodeBatch } from "./send.ts";
import { Settler } from "./settle.ts";
import { postgresSource } from "./source.ts";
import { readQueue, readStats } from "./traits.ts";
import { Wakes } from "./wakes.ts";

/** Options of the Postgres driver: the connection, and properties of its queues. */
export interface PostgresOptions extends ConnectionOptions {
  /**
   * The time in which a repeated `dedupId` is absorbed, for queues that are created or provisioned with these options.
   * @default 0, which is none
   */
  readonly dedupWindowMs?: Duration | undefined;
  /** The bytes of the largest message: body and attributes. @default 1048576 */
  readonly maxMessageBytes?: number | undefined;
  /**
   * `"off"` lets acknowledgements, extensions and releases be answered before they are on disk. A crash of the server then
   * undoes those of its last moments: their messages are delivered again. Sends and deliveries are never affected.
   * @default as the server is configured
   */
  readonly synchronousCommit?: "off" | undefined;
  /** Limits that are tighter than the adapter's, for tests. @default the adapter's */
  readonly limits?: Partial<Limits> | undefined;
}

const OPTIONS: KnownKeys<PostgresOptions> = {
  url: true,
  client: true,
  schema: true,
  poolSize: true,
  requestTimeoutMs: true,
  listen: true,
  onWarning: true,
  clock: true,
  dedupWindowMs: true,
  maxMessageBytes: true,
  synchronousCommit: true,
  limits: true,
};

const MOST_BYTES = 64 * 1_048_576;

/**
 * Creates a driver for queues in PostgreSQL 13 or later. `queue.ensure` and `queueport migrate` create the tables.
 *
 * @throws QueueError `config` if an option is wrong
 *
 * @example
 * import { createQueue } from "queueport";
 * import { postgres } from "queueport/postgres";
 *
 * const queue = createQueue(postgres({ url: "postgres://app@localhost/app" }));
 */
export function postgres(options: PostgresOptions = {}): Driver {
  checkKeys("postgres", options, OPTIONS);
  return new PostgresDriver(options);
}

class PostgresDriver implements Driver {
  readonly provider = "postgres";
  readonly scope: string;
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #connection: PostgresConnection;
  readonly #settler: Settler;
  readonly #wakes: Wakes;
  readonly #clock: Clock;
  readonly #dedupMs: number;
  #checked: Promise<void> | undefined;

  constructor(options: PostgresOptions) {
    const { maxMessageBytes, synchronousCommit, limits } = options;
    this.#dedupMs = durationOption("postgres: dedupWindowMs", options.dedupWindowMs, { least: 0 }) ?? 0;
    const maxBytes =
      numberOption("postgres: maxMessageBytes", maxMessageBytes, { least: 1, most: MOST_BYTES }) ??
      postgresLimits.maxMessageBytes;
    if (synchronousCommit !== undefined && synchronousCommit !== "off")
      throw configError(`synchronousCommit can only be "off"; leave it out to use the server's setting`);
    this.#connection = new PostgresConnection(options);
    this.#clock = this.#connection.clock;
    this.scope = driverScope("postgres", [this.#connection.place], this.#connection.schema);
    this.limits = {
      ...postgresLimits,
      maxMessageBytes: maxBytes,
      maxBatchBytes: Math.max(postgresLimits.maxBatchBytes, maxBytes),
      ...limits,
    };
    this.#settler = new Settler(this.#connection, synchronousCommit === "off");
    this.#wakes = new Wakes(this.#connection);
    const ready = (): Promise<void> => this.#ready();
    this.admin = new PostgresAdmin(this.#connection, Math.ceil(this.#dedupMs), ready);
  }

  async describe(queue: string): Promise<QueueTraits> {
    checkQueueName(queue);
    await this.#ready();
    const row = await readQueue(this.#connection, queue);
    const created = { ordered: false, dedupMs: Math.ceil(this.#dedupMs) };
    return traitsOf(queue, row ?? created);
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  async send(
    queue: string,
    messages: readonly Outgoing[],
    signal: AbortSignal,
    { transaction }: DriverSendOptions = {},
  ): Promise<SendResult[]> {
    checkQueueName(queue);
    const batch = encodeBatch(messages);
    return sendUntilAborted(queue, signal, () =>
      transaction === undefined ? this.#send(queue, batch) : this.#sendWithin(queue, batch, transaction),
    );
  }

  open(queue: string, options: OpenOptions): Source {
    checkQueueName(queue);
    return postgresSource({
      ...options,
      queue,
      connection: this.#connection,
      settler: this.#settler,
      wakes: this.#wakes,
      waitMs: options.waitMs ?? this.limits.longPollMs,
      ready: () => this.#ready(),
    });
  }

  async stats(queue: string): Promise<DriverStats> {
    checkQueueName(queue);
    await this.#ready();
    return readStats(this.#connection, queue, this.#clock);
  }

  async cancel(handle: string): Promise<boolean> {
    const id = idOfHandle(this.provider, handle);
    await this.#ready();
    const rows = await this.#connection.query(
      "cancel a delayed message",
      `DELETE FROM ${this.#connection.quoted}.message
       WHERE id = $1::text::bigint AND deliveries = 0 AND key_queue IS NULL AND visible_at > clock_timestamp() RETURNING id`,
      [id],
    );
    return rows.length > 0;
  }

  async close(): Promise<void> {
    await this.#wakes.close();
    await this.#connection.close();
  }

  async #send(queue: string, batch: Batch): Promise<SendResult[]> {
    if (batch.size === 0) return batch.results([]);
    await this.#ready();
    const [row] = await this.#connection.query<{ ids: string }>(
      `send to queue "${queue}"`,
      this.#sendText,
      this.#sendValues(queue, batch),
      { name: "qp_send" },
    );
    this.#wakes.announce(queue, batch.dueInMs);
    return batch.results(row?.ids.split(",") ?? []);
  }

  /** Sends on a client of the caller. Nobody is woken: the messages do not exist before the transaction ends. */
  async #sendWithin(queue: string, batch: Batch, transaction: unknown): Promise<SendResult[]> {
    if (!isExecutor(transaction))
      throw new DriverError(
        "permanent",
        "the transaction must be a client of pg in which it was begun, or, for another library, what fromPostgresJs, fromKysely, fromKnex, fromDrizzle or fromPrisma returns for it (docs/providers/postgres.md)",
      );
    if (batch.size === 0) return batch.results([]);
    const query = async (action: string, text: string, values: readonly Value[] = []): Promise<Row[]> => {
      try {
        return (await transaction.query(text, [...values])).rows as Row[];
      } catch (error) {
        throw driverError(error, action);
      }
    };
    // Not on a connection of the driver, for which a pool of the caller may have no room until the transaction ends.
    if (this.#checked === undefined) {
      const { schema, quoted } = this.#connection;
      await checkSchema({ schema, quoted, query }, queueSchema);
      this.#checked = Promise.resolve();
    }
    const action = `send to queue "${queue}" within a transaction`;
    const [row] = await query(action, this.#sendText, this.#sendValues(queue, batch));
    return batch.results((row?.["ids"] as string | undefined)?.split(",") ?? []);
  }

  get #sendText(): string {
    return `SELECT ${this.#connection.quoted}.send_batch($1, $2, $3::text::bigint) AS ids`;
  }

  #sendValues(queue: string, { json }: Batch): string[] {
    return [queue, json, String(Math.ceil(this.#dedupMs))];
  }

  /** Checks the schema before the first statement. A failure is not kept, since the schema may be created meanwhile. */
  #ready(): Promise<void> {
    if (this.#checked === undefined) {
      const { schema, quoted } = this.#connection;
      const query: SchemaReader["query"] = (action, text, values) =>
        this.#connection.query(action, text, values, { on: "check" });
      const checked = checkSchema({ schema, quoted, query }, queueSchema);
      this.#checked = checked;
      checked.catch(() => {
        if (this.#checked === checked) this.#checked = undefined;
      });
    }
    return this.#checked;
  }
}

function isExecutor(value: unknown): value is PostgresExecutor {
  return typeof value === "object" && value !== null && "query" in value && typeof value.query === "function";
}
