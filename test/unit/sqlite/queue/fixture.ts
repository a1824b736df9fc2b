import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite, type SqliteOptions } from "../../../../adapters/sqlite/index.ts";
import type { Delivery, Driver, Operation, Outgoing, SendResult } from "../../../../src/driver/index.ts";

export const never: AbortSignal = new AbortController().signal;

/** A folder with a file of queues, and the drivers that were opened on it. Each acts as another process. */
export class QueueFixture implements AsyncDisposable {
  readonly directory: string;
  readonly path: string;
  readonly #drivers: Driver[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.path = join(directory, "queues.db");
  }

  static async create(): Promise<QueueFixture> {
    return new QueueFixture(await mkdtemp(join(tmpdir(), "queueport-")));
  }

  driver(options: SqliteOptions = {}): ReturnType<typeof sqlite> {
    const given = options.database === undefined ? { path: this.path, ...options } : options;
    const driver = sqlite({ synchronous: "normal", ...given });
    this.#drivers.push(driver);
    return driver;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const driver of this.#drivers) await driver.close();
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function outgoing(body: string, over: Partial<Outgoing> = {}): Outgoing {
  return { body, attributes: {}, delayMs: 0, dedupId: body, ...over };
}

export const send = (driver: Driver, ...messages: (string | Outgoing)[]): Promise<SendResult[]> =>
  driver.send(
    "q",
    messages.map((one) => (typeof one === "string" ? outgoing(one) : one)),
    never,
  );

export const bodies = (deliveries: readonly Delivery[]): string[] =>
  deliveries.map(({ body }) => String(body));

export const ack = (delivery: Delivery): Operation => ({ kind: "ack", delivery });
export const release = (delivery: Delivery, delayMs = 0): Operation => ({
  kind: "release",
  delivery,
  delayMs,
});
