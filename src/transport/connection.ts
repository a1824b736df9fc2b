import { AsyncResource } from "node:async_hooks";
import type { Clock } from "../lib/clock.ts";
import { channels, type RequestEvent } from "../diagnostics.ts";
import type {
  Delivery,
  Driver,
  DriverSendOptions,
  DriverStats,
  OpenOptions,
  Operation,
  Outgoing,
  SendResult,
  SettleResult,
  Source,
} from "../driver/contract.ts";
import { DriverError, type ErrorKind } from "../driver/error.ts";
import type { Limits, QueueTraits } from "../driver/limits.ts";
import { type ErrorCode, describeError, QueueError } from "../errors.ts";
import { forgetOldest } from "../lib/bounded-map.ts";
import { asText, show } from "../lib/text.ts";
import type { WireFormat } from "../message/format.ts";
import { within } from "../lib/wait.ts";

/** A request that takes no signal is given up after this long without an answer. */
const ANSWER_MS = 10_000;
/** Added to the provider's long poll; after both, the last poll is not waited for any more. */
const LAST_POLL_MS = 15_000;
/** Queues whose traits are cached. The traits of a queue that is forgotten are requested again. */
const MOST_QUEUES = 10_000;

/** Runs one request to the driver, which `request` makes, and returns its result. */
export type RequestHook = <T>(
  queue: string,
  operation: RequestEvent["operation"],
  request: () => Promise<T>,
) => Promise<T>;

/** The parts of a connection that most queues do without. */
export interface ConnectionHooks {
  readonly format?: WireFormat | undefined;
  readonly around?: RequestHook | undefined;
}

/**
 * The driver as the core uses it: every call is answered in time, traits are cached, requests are published, and every
 * thrown value becomes a {@link DriverError} with its kind.
 */
export class Connection {
  readonly driver: Driver;
  readonly clock: Clock;
  readonly random: () => number;
  /** The queue whose events are published. */
  readonly source: object;
  /** The asynchronous context of the creator of the queue, for requests that belong to no single caller. */
  readonly context: AsyncResource = new AsyncResource("queueport.queue");
  /** Undefined if the queue reads and writes the plain wire format only. */
  readonly format: WireFormat | undefined;
  /** Called around each request to the driver. Undefined if nothing is. */
  readonly #around: RequestHook | undefined;
  readonly #traits = new Map<string, Promise<QueueTraits>>();
  readonly #known = new Map<string, QueueTraits>();

  constructor(
    driver: Driver,
    clock: Clock,
    random: () => number,
    source: object,
    { format, around }: ConnectionHooks = {},
  ) {
    this.driver = driver;
    this.clock = clock;
    this.random = random;
    this.source = source;
    this.format = format;
    this.#around = around;
  }

  get limits(): Limits {
    return this.driver.limits;
  }

  /** The traits of a queue, requested once. A failure is not cached. */
  traits(queue: string): Promise<QueueTraits> {
    let traits = this.#traits.get(queue);
    if (traits === undefined) {
      traits = this.#call(queue, "describe", 0, () =>
        this.#answer("transient", queue, "describe", this.driver.describe(queue)),
      );
      traits.then(
        (known) => {
          // Set only after everybody who awaits the answer has continued: later sends must not overtake theirs.
          setImmediate(() => {
            if (this.#traits.get(queue) !== traits) return;
            this.#known.set(queue, known);
            forgetOldest(this.#known, MOST_QUEUES);
          });
        },
        () => {
          if (this.#traits.get(queue) === traits) this.#traits.delete(queue);
        },
      );
      this.#traits.set(queue, traits);
      forgetOldest(this.#traits, MOST_QUEUES);
    }
    return traits;
  }

  /** The traits of a queue if they are cached. */
  knownTraits(queue: string): QueueTraits | undefined {
    return this.#known.get(queue);
  }

  /** Clears the cached traits of all queues, after queues were created or removed. */
  forget(): void {
    this.#traits.clear();
    this.#known.clear();
  }

  send(
    queue: string,
    messages: readonly Outgoing[],
    signal: AbortSignal,
    options?: DriverSendOptions,
  ): Promise<SendResult[]> {
    return this.#call(queue, "send", messages.length, async () =>
      listed(await this.driver.send(queue, messages, signal, options)),
    );
  }

  stats(queue: string): Promise<DriverStats> {
    return this.#call(queue, "stats", 0, () =>
      this.#answer("transient", queue, "stats", this.driver.stats(queue)),
    );
  }

  open(queue: string, options: OpenOptions): Source {
    const source = this.driver.open(queue, options);
    return {
      next: async (max: number, signal: AbortSignal): Promise<Delivery[]> => {
        try {
          const around = this.#around;
          const deliveries = await (around === undefined
            ? source.next(max, signal)
            : around(queue, "receive", () => source.next(max, signal)));
          this.#publish(queue, "receive", "ok", deliveries.length);
          return deliveries;
        } catch (error) {
          throw this.#failed(queue, "receive", 0, error);
        }
      },
      settle: (operations: readonly Operation[]): Promise<SettleResult[]> =>
        // Bounded, since an unanswered settlement must not hold up the others, nor the lease that it would extend.
        this.#call(queue, "settle", operations.length, async () =>
          listed(await this.#answer("ambiguous", queue, "settle", source.settle(operations))),
        ),
      // Messages that the last poll returns later stay leased until their leases end.
      stop: async () => within(this.clock, this.limits.longPollMs + LAST_POLL_MS, source.stop(), () => []),
      close: async () => within(this.clock, ANSWER_MS, source.close(), () => undefined),
    };
  }

  /** @throws DriverError of this kind if there is no answer in time */
  #answer<T>(kind: ErrorKind, queue: string, operation: string, work: Promise<T>): Promise<T> {
    return within(this.clock, ANSWER_MS, work, () => {
      throw new DriverError(kind, `No answer to a ${operation} on queue "${queue}" within ${ANSWER_MS} ms.`);
    });
  }

  async #call<T>(
    queue: string,
    operation: RequestEvent["operation"],
    messages: number,
    call: () => Promise<T>,
  ): Promise<T> {
    try {
      const around = this.#around;
      const result = await (around === undefined ? call() : around(queue, operation, call));
      this.#publish(queue, operation, "ok", messages);
      return result;
    } catch (error) {
      throw this.#failed(queue, operation, messages, error);
    }
  }

  #failed(
    queue: string,
    operation: RequestEvent["operation"],
    messages: number,
    error: unknown,
  ): DriverError {
    const kind = error instanceof DriverError ? error.kind : this.driver.classify(error);
    this.#publish(queue, operation, kind, messages);
    return error instanceof DriverError
      ? error
      : new DriverError(kind, describeError(error), { cause: error });
  }

  #publish(
    queue: string,
    operation: RequestEvent["operation"],
    outcome: "ok" | ErrorKind,
    messages: number,
  ): void {
    if (!channels.request.hasSubscribers) return;
    channels.request.publish({
      provider: this.driver.provider,
      queue,
      source: this.source,
      operation,
      outcome,
      messages,
    });
  }
}

/** Checks a driver's answer. Without a list of results, the outcome of every message is ambiguous. */
function listed<Result>(answer: Result[]): Result[] {
  if (Array.isArray(answer)) return answer;
  throw new DriverError("ambiguous", `The driver answered with ${show(answer)} instead of a list of results`);
}

const CODES: Readonly<Record<ErrorKind, ErrorCode>> = {
  throttled: "unavailable",
  transient: "unavailable",
  ambiguous: "unavailable",
  lease_lost: "lease_lost",
  too_large: "too_large",
  full: "queue_full",
  not_found: "not_found",
  auth: "auth",
  permanent: "provider",
};

const ADVICE: Readonly<Record<ErrorKind, string>> = {
  throttled: "Try again later, or ask the provider for a higher quota.",
  transient: "Try again later; check that the provider can be reached.",
  ambiguous: "It may have taken effect; check before doing it again.",
  lease_lost: "Another receiver has the message now.",
  too_large: "Send less, or a reference to data that is stored elsewhere.",
  full: "Send fewer, or receive faster; the message was not sent.",
  not_found: "Create the queue, as queue.ensure does, or correct its name.",
  auth: "Check the credentials and their permissions.",
  permanent: "The same again would fail again.",
};

/** Converts a driver's error for the user. `attempted` completes the sentence "Could not ...". */
export function queueError(error: unknown, queue: string, attempted: string, provider: string): QueueError {
  if (error instanceof QueueError) return error;
  const kind = error instanceof DriverError ? error.kind : "permanent";
  const text = error instanceof Error ? error.message : asText(error);
  return new QueueError(
    CODES[kind],
    `Could not ${attempted}${queue === "" ? "" : ` queue "${queue}"`} (${provider}): ${text.replace(/\.$/, "")}. ${ADVICE[kind]}`,
    {
      queue: queue === "" ? undefined : queue,
      cause: error,
      retryable: kind === "throttled" || kind === "transient" || kind === "ambiguous" || kind === "full",
    },
  );
}
