import { setTimeout as sleep } from "node:timers/promises";
import type { ReceiveEvent } from "../../src/diagnostics.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";

/** Messages whose payloads are their places. */
export function jobs(count: number): { type: string; payload: number }[] {
  return Array.from({ length: count }, (_, index) => ({ type: "job", payload: index }));
}

/** Waits until a condition holds. Fails after `withinMs`. */
export async function until(
  condition: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  const end = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${condition}: not within ${withinMs} ms`);
    await sleep(5);
  }
}

/** A running receiver. */
export interface Work {
  /** Number of ended runs by message id. */
  readonly handled: ReadonlyMap<string, number>;
  /** Number of runs that have ended. */
  readonly runs: number;
  readonly events: readonly ReceiveEvent[];
  /** Longest time in which no run started, in milliseconds. */
  readonly silenceMs: number;
  stop(): Promise<void>;
}

/** Receives until `stop`, and counts the runs. */
export function work(
  queue: Queue,
  name: string,
  handler: Handler = async () => undefined,
  options: ReceiveOptions = {},
): Work {
  const handled = new Map<string, number>();
  const events: ReceiveEvent[] = [];
  const stop = new AbortController();
  let [runs, lastAt, silenceMs] = [0, Date.now(), 0];
  const receiving = queue.receive(
    name,
    async (message, context) => {
      const now = Date.now();
      silenceMs = Math.max(silenceMs, now - lastAt);
      lastAt = now;
      try {
        return await handler(message, context);
      } finally {
        runs += 1;
        handled.set(message.id, (handled.get(message.id) ?? 0) + 1);
      }
    },
    { ...options, signal: stop.signal, onEvent: (event) => void events.push(event as ReceiveEvent) },
  );
  return {
    handled,
    events,
    get runs() {
      return runs;
    },
    get silenceMs() {
      return silenceMs;
    },
    async stop() {
      stop.abort();
      await receiving;
    },
  };
}

/** Number of messages in a queue, ready or locked. */
export async function leftIn(queue: Queue, name: string): Promise<number | undefined> {
  return (await queue.stats(name)).backlog;
}

/** Finds messages that were handled for the first time after a later one of their key. A repeated message is no fault. */
export class OrderCheck {
  /** Number of messages that were overtaken. */
  overtaken = 0;
  readonly #handled = new Set<number>();
  readonly #lastOf = new Map<string, number>();

  /** @param place the place of the message among all that were sent */
  see(key: string, place: number): void {
    const last = this.#lastOf.get(key) ?? -1;
    if (!this.#handled.has(place) && last > place) this.overtaken += 1;
    this.#handled.add(place);
    this.#lastOf.set(key, Math.max(last, place));
  }
}
