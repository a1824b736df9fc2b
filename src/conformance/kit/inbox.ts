import type { Disposition } from "../../queue/disposition.ts";
import type { Message } from "../../message/message.ts";
import type { Handler, ReceiveContext } from "../../queue/queue.ts";

/** One run of a handler. */
export interface Arrival {
  readonly message: Message;
  readonly attempt: number;
  /** When the handler was called, in epoch milliseconds. */
  readonly at: number;
}

/** What a handler does beside being counted. */
export type Behaviour = (
  arrival: Arrival,
  context: ReceiveContext,
) => Promise<Disposition | void> | Disposition | void;

/** Every run of the handlers that it has made, in the order in which they began. */
export class Inbox {
  readonly arrivals: Arrival[] = [];
  /** Handlers that are running, and the most that ever were at once. */
  running = 0;
  mostRunning = 0;
  readonly #now: () => number;
  readonly #countOf = new Map<string, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A handler that notes its run, and then behaves. */
  handler(behave?: Behaviour): Handler {
    return async (message, context) => {
      const arrival: Arrival = { message, attempt: context.attempt, at: this.#now() };
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

  /** Different messages that have arrived. */
  get size(): number {
    return this.#countOf.size;
  }

  /** Runs beyond the first of each message. */
  get duplicates(): number {
    return this.arrivals.length - this.#countOf.size;
  }

  count(id: string): number {
    return this.#countOf.get(id) ?? 0;
  }

  of(id: string): Arrival[] {
    return this.arrivals.filter(({ message }) => message.id === id);
  }

  /** The attempt numbers that the runs of one message saw. */
  attempts(id: string): number[] {
    return this.of(id).map(({ attempt }) => attempt);
  }
}
