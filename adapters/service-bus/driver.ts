import type { ServiceBusSender } from "@azure/service-bus";
import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  driverScope,
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
} from "../../src/driver/index.ts";
import { ServiceBusAdmin } from "./admin.ts";
import { type Clients, type ConnectionOptions, openClients } from "./clients.ts";
import { connectionOf } from "./connection.ts";
import { Descriptions } from "./descriptions.ts";
import { classify } from "./errors.ts";
import { endedSoon } from "./feed.ts";
import { serviceBusLimits } from "./limits.ts";
import { type NamingOptions, QueueNames } from "./names.ts";
import { cancelMessage, NOT_SCHEDULED, parseHandle } from "./schedule.ts";
import { sendAll } from "./send.ts";
import { ServiceBusSource } from "./source.ts";
import { readStats, traitsOf } from "./traits.ts";

/** Options of {@link serviceBus}: the connection, the names of the queues, and the limits. */
export interface ServiceBusOptions extends ConnectionOptions, NamingOptions {
  /** Limits that differ from the Standard tier, such as larger messages in Premium. @default those of the Standard tier */
  readonly limits?: Partial<Limits> | undefined;
  /** Clock for timeouts and lock times. @default the system clock */
  readonly clock?: Clock | undefined;
}

const OPTIONS: KnownKeys<ServiceBusOptions> = {
  connectionString: true,
  namespace: true,
  credential: true,
  client: true,
  adminClient: true,
  adminConnectionString: true,
  prefix: true,
  queues: true,
  limits: true,
  clock: true,
};

/**
 * Creates a driver for Azure Service Bus queues. A queue that requires sessions keeps order by key.
 *
 * @throws QueueError with code `config` if the options name no namespace or no way to sign in, or if two logical names
 * have the same name in the namespace
 * @example
 * import { createQueue } from "queueport";
 * import { serviceBus } from "queueport/service-bus";
 *
 * const queue = createQueue(serviceBus({ connectionString, prefix: "prod-" }));
 */
export function serviceBus(options: ServiceBusOptions): Driver & { readonly admin: Admin } {
  checkKeys("serviceBus", options, OPTIONS);
  return new ServiceBusDriver(options);
}

/** A sender, with the connection that its client had when the sender was created. */
interface SenderOnConnection {
  readonly sender: ServiceBusSender;
  readonly connection: string | undefined;
}

class ServiceBusDriver implements Driver {
  readonly provider = "service-bus";
  readonly scope: string;
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #clients: Clients;
  readonly #names: QueueNames;
  readonly #descriptions: Descriptions;
  readonly #clock: Clock;
  readonly #senders = new Map<string, SenderOnConnection>();
  readonly #sources = new Set<Source>();

  constructor(options: ServiceBusOptions) {
    const { clock = systemClock } = options;
    this.#names = new QueueNames(options);
    this.#clients = openClients(options);
    const { fullyQualifiedNamespace } = this.#clients.messages;
    this.scope = driverScope("service-bus", [fullyQualifiedNamespace], options.prefix);
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
    if (isDeadLetters)
      throw new DriverError(
        "permanent",
        `Messages cannot be sent to the dead-letter sub-queue ${queue}. Only Service Bus puts messages there.`,
      );
    return sendUntilAborted(queue, signal, () =>
      sendAll({ sender: this.#sender(name), queue, clock: this.#clock, signal }, messages),
    );
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
      onClose: (one) => this.#sources.delete(one),
    });
    this.#sources.add(source);
    return source;
  }

  stats(queue: string): Promise<DriverStats> {
    return readStats(this.#clients, this.#names.entity(queue), this.#clock);
  }

  async cancel(handle: string): Promise<boolean> {
    const { queue, sequence } = parseHandle(handle);
    if (sequence === NOT_SCHEDULED) return false;
    return cancelMessage(this.#sender(this.#names.entity(queue).name), sequence);
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#sources].map((source) => source.close()));
    this.#sources.clear();
    await Promise.all([...this.#senders.values()].map(({ sender }) => endedSoon(sender.close())));
    await this.#clients.close();
  }

  /** The sender for a queue. After a lost connection it is replaced: a sender that was being opened would hold up all sends. */
  #sender(name: string): ServiceBusSender {
    const { messages } = this.#clients;
    const connection = connectionOf(messages);
    const known = this.#senders.get(name);
    if (known !== undefined && known.connection === connection) return known.sender;
    const sender = messages.createSender(name);
    this.#senders.set(name, { sender, connection });
    void known?.sender.close().catch(() => undefined);
    return sender;
  }
}
