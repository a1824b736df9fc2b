import type { ServiceBusSender } from "@azure/service-bus";
import {
  type Admin,
  type Clock,
  type Driver,
  DriverError,
  type DriverStats,
  type ErrorKind,
  type Limits,
  type OpenOptions,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { ServiceBusAdmin } from "./admin.ts";
import { type Clients, type ConnectionOptions, openClients } from "./clients.ts";
import { connectionOf } from "./connection.ts";
import { classify, driverError } from "./errors.ts";
import { inTime } from "./feed.ts";
import { serviceBusLimits } from "./limits.ts";
import { longOf } from "./long.ts";
import { type NamingOptions, parseHandle, QueueNames } from "./names.ts";
import { sendAll } from "./send.ts";
import { ServiceBusSource } from "./source.ts";
import { Descriptions, readStats, traitsOf } from "./traits.ts";

/** How to reach Service Bus, and which queues are meant. */
export interface ServiceBusOptions extends ConnectionOptions, NamingOptions {
  /** Other than those of the Standard tier: larger messages in Premium, tighter ones for tests. */
  readonly limits?: Partial<Limits> | undefined;
  readonly clock?: Clock | undefined;
}

/**
 * Azure Service Bus queues. One that requires sessions keeps order by key.
 *
 * @example
 * import { createQueue } from "queueport";
 * import { serviceBus } from "queueport/service-bus";
 *
 * const queue = createQueue(serviceBus({ connectionString, prefix: "prod-" }));
 */
export function serviceBus(options: ServiceBusOptions): Driver & { readonly admin: Admin } {
  return new ServiceBusDriver(options);
}

/** A sender, and the connection that its client had when it was made. */
interface KnownSender {
  readonly sender: ServiceBusSender;
  readonly connection: string | undefined;
}

class ServiceBusDriver implements Driver {
  readonly provider = "service-bus";
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #clients: Clients;
  readonly #names: QueueNames;
  readonly #descriptions: Descriptions;
  readonly #clock: Clock;
  readonly #senders = new Map<string, KnownSender>();
  readonly #sources = new Set<Source>();

  constructor(options: ServiceBusOptions) {
    const { clock = systemClock } = options;
    this.#names = new QueueNames(options);
    this.#clients = openClients(options);
    this.#clock = clock;
    this.#descriptions = new Descriptions(this.#clients, this.#names, clock);
    this.limits = { ...serviceBusLimits, ...options.limits };
    this.admin = new ServiceBusAdmin(this.#clients, this.#names, this.#descriptions);
  }

  async describe(queue: string): Promise<QueueTraits> {
    const entity = this.#names.entity(queue);
    return traitsOf(entity, await this.#descriptions.of(entity), this.limits.nativeDelayMs);
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  async send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const { name, isDeadLetters } = this.#names.entity(queue);
    if (isDeadLetters) throw new DriverError("permanent", "Only the service puts messages there.");
    return sendAll({ sender: this.#sender(name), queue, clock: this.#clock, signal }, messages);
  }

  open(queue: string, options: OpenOptions): Source {
    const entity = this.#names.entity(queue);
    const source: ServiceBusSource = new ServiceBusSource({
      ...options,
      clients: this.#clients,
      entity,
      describe: () => this.#descriptions.of(entity),
      waitMs: options.waitMs ?? this.limits.longPollMs,
      clock: this.#clock,
      closed: (one) => this.#sources.delete(one),
    });
    this.#sources.add(source);
    return source;
  }

  stats(queue: string): Promise<DriverStats> {
    return readStats(this.#clients, this.#names.entity(queue), this.#clock);
  }

  async cancel(handle: string): Promise<boolean> {
    const { queue, sequence } = parseHandle(handle);
    const { name } = this.#names.entity(queue);
    try {
      await this.#sender(name).cancelScheduledMessages(longOf(sequence));
      return true;
    } catch (error) {
      // It is delivered, or cancelled: either way it is not scheduled.
      if ((error as { code?: unknown }).code === "MessageNotFound") return false;
      throw driverError(error, "Cancelling", "Send");
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sources].map((source) => source.close()));
    this.#sources.clear();
    await Promise.all([...this.#senders.values()].map(({ sender }) => inTime(sender.close())));
    await this.#clients.close();
  }

  #sender(name: string): ServiceBusSender {
    const { messages } = this.#clients;
    const connection = connectionOf(messages);
    const known = this.#senders.get(name);
    if (known !== undefined && known.connection === connection) return known.sender;
    // One that was being opened on a connection that is lost would keep all others waiting.
    const sender = messages.createSender(name);
    this.#senders.set(name, { sender, connection });
    void known?.sender.close().catch(() => undefined);
    return sender;
  }
}
