import type { Disposition } from "../../queue/disposition.ts";
import type { Message } from "../../message/message.ts";
import type { Handler, ReceiveContext } from "../../queue/receive.ts";

/** One run of a handler. */
export interface Arrival {
  readonly message: Message;
  readonly attempt: number;
  /** The time at which the handler was called, in epoch milliseconds. */
  readonly at: number;
}

/** The part of a handler that a case adds to the record of the run. */
export type Behaviour = (
  arrival: Arrival,
  context: ReceiveContext,
) => Promise<Disposition | void> | Disposition | void;

/** The parts of a case context that an inbox needs. */
interface InboxHost {
  now(): number;
  waitUntil(
    subject: string,
    condition: () => boolean,
    withinMs?: number,
    state?: () => string,
  ): Promise<void>;
}

/** Records every run of its handlers, in the order in which they began. */
export class Inbox {
  readonly arrivals: Arrival[] = [];
  /** Number of handlers that run now. */
  running = 0;
  /** Largest number of handlers that ran at the same time. */
  mostRunning = 0;
  readonly #host: InboxHost;
  readonly #countOf = new Map<string, number>();

  constructor(host: InboxHost) {
    this.#host = host;
  }

  /** Creates a handler that records its run and then behaves. Without a behaviour, it acknowledges. */
  handler(behave?: Behaviour): Handler {
    return async (message, context) => {
      const arrival: Arrival = { message, attempt: context.attempt, at: this.#host.now() };
      this.arrivals.push(arrival);
      this.#countOf.set(message.id, this.count(message.id) + 1);
      this.running += 1;
      this.mostRunning = Math.max(this.mostRunning, this.running);
      try {
        return await behave?.(arrival, context);
      } finally {
        this.running -= 1;
      }
    };
  }

  /** Creates a handler that records its run and then throws. */
  failing(error: Error): Handler {
    return this.handler(() => {
      throw error;
    });
  }

  /** Number of different messages that have arrived. */
  get size(): number {
    return this.#countOf.size;
  }

  /** Number of runs beyond the first of each message. */
  get duplicates(): number {
    return this.arrivals.length - this.#countOf.size;
  }

  /** The id of each run's message. */
  get ids(): string[] {
    return this.arrivals.map(({ message }) => message.id);
  }

  /** The payload of each run's message. */
  get payloads(): unknown[] {
    return this.arrivals.map(({ message }) => message.payload);
  }

  /** Number of runs of one message. */
  count(id: string): number {
    return this.#countOf.get(id) ?? 0;
  }

  /** The runs of one message. */
  of(id: string): Arrival[] {
    return this.arrivals.filter(({ message }) => message.id === id);
  }

  /** The attempt numbers of the runs of one message. */
  attempts(id: string): number[] {
    return this.of(id).map(({ attempt }) => attempt);
  }

  /** Resolves when this many different messages have arrived. */
  waitForMessages(count: number, withinMs?: number): Promise<void> {
    const subject = count === 1 ? "a message" : `${count} messages`;
    return this.#host.waitUntil(
      subject,
      () => this.size >= count,
      withinMs,
      () => `${this.size} arrived`,
    );
  }

  /** Resolves when each of these messages has arrived. */
  waitForAll(ids: readonly string[], withinMs?: number): Promise<void> {
    const missing = (): string[] => ids.filter((id) => this.count(id) === 0);
    return this.#host.waitUntil(
      `all ${ids.length} messages`,
      () => missing().length === 0,
      withinMs,
      () => `${missing().length} are missing`,
    );
  }

  /** Resolves when handlers have run this often, over all messages. */
  waitForRuns(count: number, withinMs?: number): Promise<void> {
    return this.#host.waitUntil(
      `${count} runs`,
      () => this.arrivals.length >= count,
      withinMs,
      () => `there were ${this.arrivals.length}`,
    );
  }

  /** Resolves when the handlers of one message have run this often. */
  waitForRunsOf(id: string, count: number, withinMs?: number): Promise<void> {
    return this.#host.waitUntil(
      `run ${count} of message ${id}`,
      () => this.count(id) >= count,
      withinMs,
      () => `the attempts so far: ${this.attempts(id).join(", ") || "none"}`,
    );
  }

  /** Resolves when exactly this many handlers run at the same time. */
  waitForRunning(count: number): Promise<void> {
    return this.#host.waitUntil(
      `${count} handlers that run at once`,
      () => this.running === count,
      undefined,
      () => `${this.running} run`,
    );
  }
}
