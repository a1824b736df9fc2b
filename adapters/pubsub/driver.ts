import {
  type Admin,
  checkKeys,
  allEnded,
  type Clock,
  type Driver,
  driverScope,
  type DriverStats,
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
  systemClock,
} from "../../src/driver/index.ts";
import { PubsubAdmin } from "./admin.ts";
import { type ConnectionOptions, Connections } from "./clients.ts";
import { classify } from "./errors.ts";
import { MAX_WAIT_SECONDS, pubsubLimits } from "./limits.ts";
import { type MetricClient, Monitoring } from "./monitoring.ts";
import { Names, type NamingOptions } from "./names.ts";
import { keptOf, publish } from "./send.ts";
import { PubsubSource } from "./source.ts";
import { Subscriptions, traitsOf } from "./traits.ts";

/** Options of the Pub/Sub driver: the connection, the names of topics and subscriptions, and limits. */
export interface PubsubOptions extends ConnectionOptions, NamingOptions {
  /** The time that a pull waits for messages: 1 to 60 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** Whether `ensure` creates subscriptions with exactly-once delivery. @default false */
  readonly exactlyOnce?: boolean | undefined;
  /**
   * Whether counts are read from Cloud Monitoring, where they are minutes old. `true` needs the package
   * `@google-cloud/monitoring`. An injected `MetricServiceClient` is left open by `close`.
   * @default false
   */
  readonly monitoring?: boolean | MetricClient | undefined;
  /** Limits that are tighter than the service's, for tests. @default the service's */
  readonly limits?: Partial<Limits> | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

const OPTIONS: KnownKeys<PubsubOptions> = {
  projectId: true,
  emulatorHost: true,
  apiEndpoint: true,
  credentials: true,
  keyFilename: true,
  clients: true,
  prefix: true,
  queues: true,
  waitSeconds: true,
  exactlyOnce: true,
  monitoring: true,
  limits: true,
  clock: true,
};

/**
 * Creates a driver for Google Cloud Pub/Sub. A queue is a topic and a subscription of the same name, unless `queues` maps
 * it to two names.
 *
 * @throws QueueError `config` if `projectId` is missing, if an option is out of range, or if two names in `queues` mean one subscription
 *
 * @example
 * import { createQueue } from "queueport";
 * import { pubsub } from "queueport/pubsub";
 *
 * const queue = createQueue(pubsub({ projectId: "my-project", prefix: "prod-" }));
 */
export function pubsub(options: PubsubOptions = {}): Driver {
  checkKeys("pubsub", options, OPTIONS);
  return new PubsubDriver(options);
}

class PubsubDriver implements Driver {
  readonly provider = "pubsub";
  readonly scope: string;
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #connections: Connections;
  readonly #names: Names;
  readonly #subscriptions: Subscriptions;
  readonly #monitoring: Monitoring | undefined;
  readonly #sources = new Set<PubsubSource>();
  readonly #clock: Clock;

  constructor(options: PubsubOptions) {
    const { waitSeconds, clock = systemClock, exactlyOnce = false, monitoring = false } = options;
    const connections = new Connections(options);
    const names = new Names(options);
    const subscriptions = new Subscriptions(connections, names);
    this.scope = driverScope("pubsub", [options.emulatorHost, options.projectId], options.prefix);
    this.#connections = connections;
    this.#names = names;
    this.#subscriptions = subscriptions;
    const metrics = typeof monitoring === "object" ? monitoring : undefined;
    this.#monitoring = monitoring === false ? undefined : new Monitoring(options, metrics);
    this.#clock = clock;
    numberOption("pubsub: waitSeconds", waitSeconds, { least: 1, most: MAX_WAIT_SECONDS });
    const longPollMs = waitSeconds === undefined ? pubsubLimits.longPollMs : waitSeconds * 1_000;
    this.limits = { ...pubsubLimits, longPollMs, ...options.limits };
    this.admin = new PubsubAdmin({ connections, names, subscriptions, exactlyOnce });
  }

  async describe(queue: string): Promise<QueueTraits> {
    return traitsOf(queue, await this.#subscriptions.refresh(queue), this.#names.sharesTopic(queue));
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    // Copied before the first `await`: the array and bytes belong to the caller again once the call has returned.
    const kept = messages.map(keptOf);
    return sendUntilAborted(queue, signal, () => this.#publish(queue, kept));
  }

  async #publish(queue: string, messages: readonly Outgoing[]): Promise<SendResult[]> {
    const clients = await this.#connections.clients();
    const topic = this.#names.topic(clients.project, queue);
    // A key would only split requests if the subscription keeps no order.
    const keyed = messages.some(({ orderingKey }) => orderingKey !== undefined);
    const ordered = keyed && (await this.#subscriptions.get(queue)).enableMessageOrdering === true;
    return publish(clients, topic, ordered, messages);
  }

  open(queue: string, options: OpenOptions): Source {
    const source = new PubsubSource({
      ...options,
      queue,
      connections: this.#connections,
      subscriptions: this.#subscriptions,
      waitMs: options.waitMs ?? this.limits.longPollMs,
      clock: this.#clock,
      closed: (one) => this.#sources.delete(one),
    });
    this.#sources.add(source);
    return source;
  }

  async stats(queue: string): Promise<DriverStats> {
    const now = this.#clock.now();
    const { name } = await this.#subscriptions.refresh(queue);
    const backlog = await this.#monitoring?.backlog(name as string, now);
    if (backlog === undefined) return { approximate: true, asOf: now };
    return { ready: backlog.undelivered, approximate: true, asOf: backlog.asOf };
  }

  async close(): Promise<void> {
    await Promise.allSettled(Array.from(this.#sources, (source) => source.close()));
    await allEnded([this.#connections, this.#monitoring].map(async (one) => one?.close()));
  }
}
