import { type Admin, DriverError, type QueueSpec, siblingQueue } from "../../../src/driver/index.ts";
import type { Connection } from "./clients.ts";
import type { Names } from "./names.ts";

/** Creates and removes a queue together with its dead-letter queue and its delay queue. */
export class TemplateAdmin implements Admin {
  readonly #connection: Connection;
  readonly #names: Names;

  constructor(connection: Connection, names: Names) {
    this.#connection = connection;
    this.#names = names;
  }

  async ensure(queue: string, { ordering = "none" }: QueueSpec): Promise<void> {
    if (ordering === "by_key")
      throw new DriverError("permanent", `Queue "${queue}": TODO: Template keeps no order; ask for "none".`);
    // The siblings first: a message must not be dead-lettered into a queue that does not exist.
    for (const name of [siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay"), queue])
      await this.#connection.request(`create queue "${name}"`, (client) =>
        client.createQueue(this.#names.physical(name), { ordered: false }),
      );
  }

  async drop(queue: string): Promise<void> {
    // The queue itself first: while it exists, messages may still move to the other two.
    for (const name of [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")])
      await this.#connection.request(`remove queue "${name}"`, (client) =>
        client.deleteQueue(this.#names.physical(name)),
      );
  }
}
