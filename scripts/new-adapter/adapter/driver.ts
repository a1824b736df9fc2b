import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  DriverError,
  type DriverStats,
  type ErrorKind,
  type KnownKeys,
  type Limits,
  type OpenOptions,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  sendUntilAborted,
  type Source,
  systemClock,
} from "../../../src/driver/index.ts";
import { TemplateAdmin } from "./admin.ts";
import { Connection, type ConnectionOptions } from "./clients.ts";
import { classify } from "./errors.ts";
import { templateLimits } from "./limits.ts";
import { Names, type NamingOptions } from "./names.ts";
import { sendBatch } from "./send.ts";
import { templateSource } from "./source.ts";
import { traitsOf } from "./traits.ts";

/** Options of the Template driver: the connection, the names of queues, and limits. */
export interface TemplateOptions extends ConnectionOptions, NamingOptions {
  /** Limits that are tighter than the provider's, for tests. @default the provider's */
  readonly limits?: Partial<Limits> | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** The compiler requires every option. TODO: Those of the connection. */
const OPTIONS: KnownKeys<TemplateOptions> = {
  url: true,
  requestTimeoutMs: true,
  client: true,
  prefix: true,
  limits: true,
  clock: true,
};

/**
 * Creates a driver for Template.
 *
 * @example
 * import { createQueue } from "queueport";
 * import { template } from "queueport/template";
 *
 * const queue = createQueue(template({ prefix: "prod-" }));
 */
export function template(options: TemplateOptions = {}): Driver {
  checkKeys("template", options, OPTIONS);
  return new TemplateDriver(options);
}

class TemplateDriver implements Driver {
  readonly provider = "template";
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #connection: Connection;
  readonly #names: Names;
  readonly #clock: Clock;

  constructor(options: TemplateOptions) {
    this.#connection = new Connection(options);
    this.#names = new Names(options);
    this.#clock = options.clock ?? systemClock;
    this.limits = { ...templateLimits, ...options.limits };
    this.admin = new TemplateAdmin(this.#connection, this.#names);
  }

  async describe(queue: string): Promise<QueueTraits> {
    const name = this.#names.physical(queue);
    const settings = await this.#connection.request(`describe queue "${queue}"`, (client) =>
      client.readQueue(name),
    );
    if (settings === undefined) throw new DriverError("not_found", `Queue "${queue}" does not exist.`);
    return traitsOf(queue, settings);
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  async send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const name = this.#names.physical(queue);
    return sendUntilAborted(queue, signal, () => sendBatch(this.#connection, name, messages));
  }

  open(queue: string, options: OpenOptions): Source {
    return templateSource({
      ...options,
      connection: this.#connection,
      name: this.#names.physical(queue),
      waitMs: options.waitMs ?? this.limits.longPollMs,
      clock: this.#clock,
    });
  }

  async stats(queue: string): Promise<DriverStats> {
    const name = this.#names.physical(queue);
    const counts = await this.#connection.request(`count queue "${queue}"`, (client) => client.count(name));
    return { ...counts, approximate: false, asOf: this.#clock.now() };
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
