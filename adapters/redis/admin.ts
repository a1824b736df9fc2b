import type { Admin, QueueChange, QueueSpec } from "../../src/driver/index.ts";
import {
  changesOf,
  checkQueueName,
  checkWanted,
  type QueueRow,
  wantedRow,
  withSiblings,
} from "../sql/queue/queue-row.ts";
import type { RedisConnection } from "./connection/redis-connection.ts";
import { keysOf } from "./keys.ts";
import { readInfo, writeInfo } from "./queue-info.ts";

/** Creates and removes the settings of queues. */
export class RedisAdmin implements Admin {
  readonly #connection: RedisConnection;
  readonly #dedupMs: number;

  /** @param dedupMs the window in which queues deduplicate */
  constructor(connection: RedisConnection, dedupMs: number) {
    this.#connection = connection;
    this.#dedupMs = dedupMs;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    checkQueueName(queue);
    const found = await this.#find(queue);
    for (const [name, row] of found) {
      const wanted = wantedRow(name === queue ? spec : { ...spec, ordering: undefined }, row, this.#dedupMs);
      checkWanted(name, row, wanted);
      if (row?.ordered !== wanted.ordered || row.dedupMs !== wanted.dedupMs)
        await writeInfo(this.#connection, name, wanted);
    }
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    checkQueueName(queue);
    const found = await this.#find(queue);
    return changesOf(queue, spec, this.#dedupMs, (name) => found.get(name));
  }

  async drop(queue: string): Promise<void> {
    checkQueueName(queue);
    for (const name of withSiblings(queue)) {
      const keys = keysOf(this.#connection.prefix, name);
      // Not DEL, which would free the messages before the server answers anyone.
      await this.#connection.command(`drop queue "${name}"`, keys[0], ["UNLINK", ...keys]);
    }
  }

  /** Reads the settings of a queue, its dead-letter queue and its delay queue. */
  async #find(queue: string): Promise<Map<string, QueueRow | undefined>> {
    const names = withSiblings(queue);
    const rows = await Promise.all(names.map((name) => readInfo(this.#connection, name)));
    return new Map(names.map((name, index) => [name, rows[index]]));
  }
}
