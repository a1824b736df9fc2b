import { type Admin, type QueueChange, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import { checkWanted, rowChanges, wantedRow } from "../sql/queue/queue-row.ts";
import type { PostgresConnection } from "./connection/postgres-connection.ts";
import { checkQueueName } from "./names.ts";
import { migrate, schemaVersion } from "./schema/migrate.ts";
import { queueSchema } from "./schema/queue-schema.ts";
import { readQueue } from "./traits.ts";

/** A queue of many messages takes its time. */
const DROP_MS = 600_000;

/** Creates and removes the rows of queues, and the tables if there are none. */
export class PostgresAdmin implements Admin {
  readonly #connection: PostgresConnection;
  readonly #dedupMs: number;
  readonly #ready: () => Promise<void>;

  /** @param dedupMs the window in which queues deduplicate */
  constructor(connection: PostgresConnection, dedupMs: number, ready: () => Promise<void>) {
    this.#connection = connection;
    this.#dedupMs = dedupMs;
    this.#ready = ready;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    checkQueueName(queue);
    const version = await schemaVersion(this.#connection, queueSchema);
    if (version !== queueSchema.migrations.length) await migrate(this.#connection, queueSchema);
    await this.#ready();
    const found = await readQueue(this.#connection, queue);
    const wanted = wantedRow(spec, found, this.#dedupMs);
    checkWanted(queue, found, wanted);
    const rows = [
      { name: queue, ordered: wanted.ordered },
      { name: siblingQueue(queue, "-dlq"), ordered: false },
      { name: siblingQueue(queue, "-delay"), ordered: false },
    ];
    await this.#connection.query(
      `create queue "${queue}"`,
      `INSERT INTO ${this.#connection.quoted}.queue AS q (name, ordered, dedup_ms)
       SELECT r.name, r.ordered, $2::text::bigint FROM json_to_recordset($1::json) AS r(name text, ordered boolean) ORDER BY r.name
       ON CONFLICT (name) DO UPDATE SET ordered = excluded.ordered, dedup_ms = excluded.dedup_ms
       WHERE (q.ordered, q.dedup_ms) <> (excluded.ordered, excluded.dedup_ms)`,
      [JSON.stringify(rows), String(this.#dedupMs)],
    );
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    checkQueueName(queue);
    const { schema } = this.#connection;
    const version = await schemaVersion(this.#connection, queueSchema);
    const known = queueSchema.migrations.length;
    if (version === 0)
      return [
        { kind: "create", resource: `schema ${schema}` },
        { kind: "create", resource: `queue ${queue}` },
      ];
    const changes: QueueChange[] = [];
    if (version !== known) {
      const kind = version > known ? "conflict" : "change";
      changes.push({
        kind,
        resource: `schema ${schema}`,
        setting: "version",
        from: `${version}`,
        to: `${known}`,
      });
      if (kind === "conflict") return changes;
    }
    const found = await readQueue(this.#connection, queue);
    if (found === undefined) return [...changes, { kind: "create", resource: `queue ${queue}` }];
    return [...changes, ...rowChanges(queue, found, wantedRow(spec, found, this.#dedupMs))];
  }

  async drop(queue: string): Promise<void> {
    checkQueueName(queue);
    if ((await schemaVersion(this.#connection, queueSchema)) === 0) return;
    const names = [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")];
    const { quoted } = this.#connection;
    await this.#connection.query(
      `drop queue "${queue}"`,
      `WITH gone AS (
         DELETE FROM ${quoted}.queue WHERE name IN (SELECT json_array_elements_text($1::json)) RETURNING id
       ), key_queues AS (
         DELETE FROM ${quoted}.key_queue k USING gone WHERE k.queue = gone.id RETURNING k.id
       ), keyed AS (
         DELETE FROM ${quoted}.message m USING key_queues k WHERE m.key_queue = k.id
       ), plain AS (
         DELETE FROM ${quoted}.message m USING gone WHERE m.queue = gone.id AND m.key_queue IS NULL
       ), seen AS (
         DELETE FROM ${quoted}.seen s USING gone WHERE s.queue = gone.id
       ) SELECT count(*) FROM gone`,
      [JSON.stringify(names)],
      { timeoutMs: DROP_MS },
    );
  }
}
