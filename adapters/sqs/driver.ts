import {
  type Admin,
  checkKeys,
  type Clock,
  type Driver,
  DriverError,
  driverScope,
  type DriverStats,
  type ErrorKind,
  type KnownKeys,
  type Limits,
  type OpenOptions,
  numberOption,
  type Outgoing,
  type QueueTraits,
  type SendResult,
  sendUntilAborted,
  type Source,
  systemClock,
} from "../../src/driver/index.ts";
import { SqsAdmin } from "./admin.ts";
import { type Clients, type ConnectionOptions, openClients } from "./clients.ts";
import { classify } from "./errors.ts";
import { MAX_WAIT_SECONDS, sqsLimits } from "./limits.ts";
import { isFifo, isUrl, type NamingOptions, QueueUrls } from "./names.ts";
import { sendBatch } from "./send.ts";
import { sqsSource } from "./source.ts";
import { describeQueue, readStats } from "./traits.ts";

/** Options of the SQS driver: the connection, the names of queues, and limits. */
export interface SqsOptions extends ConnectionOptions, NamingOptions {
  /** The time that a poll waits for messages: 1 to 20 seconds. @default 20 */
  readonly waitSeconds?: number | undefined;
  /** The KMS key with which `ensure` has queues encrypted. @default SQS's own keys, or the key that a queue has already */
  readonly kmsKeyId?: string | undefined;
  /** Limits that are tighter than the service's, for tests and for servers that accept less. @default the service's */
  readonly limits?: Partial<Limits> | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

const OPTIONS: KnownKeys<SqsOptions> = {
  region: true,
  endpoint: true,
  credentials: true,
  requestTimeoutMs: true,
  proxy: true,
  client: true,
  pollClient: true,
  prefix: true,
  queues: true,
  waitSeconds: true,
  kmsKeyId: true,
  limits: true,
  clock: true,
};

/**
 * Creates a driver for Amazon SQS. A queue whose name ends in `.fifo` is a FIFO queue and keeps order by key.
 *
 * @throws QueueError `config` if two names in `queues` mean one queue, or an option is out of range
 *
 * @example
 * import { createQueue } from "queueport";
 * import { sqs } from "queueport/sqs";
 *
 * const queue = createQueue(sqs({ region: "eu-west-1", prefix: "prod-" }));
 */
export function sqs(options: SqsOptions = {}): Driver {
  checkKeys("sqs", options, OPTIONS);
  return new SqsDriver(options);
}

class SqsDriver implements Driver {
  readonly provider = "sqs";
  readonly scope: string;
  readonly limits: Limits;
  readonly admin: Admin;
  readonly #clients: Clients;
  readonly #urls: QueueUrls;
  readonly #clock: Clock;

  constructor(options: SqsOptions) {
    const waitSeconds =
      numberOption("sqs: waitSeconds", options.waitSeconds, { least: 1, most: MAX_WAIT_SECONDS }) ??
      MAX_WAIT_SECONDS;
    const { clock = systemClock, queues = {}, kmsKeyId } = options;
    this.scope = driverScope("sqs", [options.endpoint, options.region], options.prefix);
    this.#clients = openClients(options, Object.values(queues).some(isUrl));
    this.#urls = new QueueUrls(this.#clients, options);
    this.#clock = clock;
    this.limits = { ...sqsLimits, longPollMs: waitSeconds * 1_000, ...options.limits };
    this.admin = new SqsAdmin(this.#clients, this.#urls, kmsKeyId);
  }

  async describe(queue: string): Promise<QueueTraits> {
    const traits = await this.#at(queue, () => describeQueue(this.#clients, queue, this.#urls));
    return { ...traits, nativeDelayMs: Math.min(traits.nativeDelayMs, this.limits.nativeDelayMs) };
  }

  classify(error: unknown): ErrorKind {
    return classify(error);
  }

  send(queue: string, messages: readonly Outgoing[], signal: AbortSignal): Promise<SendResult[]> {
    const fifo = isFifo(this.#urls.physical(queue));
    // Copied before the first `await`: the array belongs to the caller again once the call has returned.
    const kept = [...messages];
    return sendUntilAborted(queue, signal, () =>
      this.#at(queue, (url) => sendBatch(this.#clients, url, fifo, kept)),
    );
  }

  open(queue: string, options: OpenOptions): Source {
    return sqsSource({
      ...options,
      clients: this.#clients,
      url: () => this.#urls.url(queue),
      fifo: isFifo(this.#urls.physical(queue)),
      waitMs: options.waitMs ?? this.limits.longPollMs,
      clock: this.#clock,
    });
  }

  stats(queue: string): Promise<DriverStats> {
    return this.#at(queue, (url) => readStats(this.#clients, url, this.#clock));
  }

  close(): Promise<void> {
    this.#clients.close();
    return Promise.resolve();
  }

  /** Calls with the URL of a queue. Forgets the URL if the queue is missing, since it may be created under another one. */
  async #at<T>(queue: string, call: (url: string) => Promise<T>): Promise<T> {
    try {
      return await call(await this.#urls.url(queue));
    } catch (error) {
      if (error instanceof DriverError && error.kind === "not_found") this.#urls.forget(queue);
      throw error;
    }
  }
}
