import { QueueError } from "../errors.ts";
import { onRejection } from "../lib/rejection.ts";
import { show } from "../lib/text.ts";

type Listener = (value: never) => unknown;

interface Entry {
  readonly listener: Listener;
  readonly isOnce: boolean;
}

/**
 * The listeners of a worker's events. Unlike those of Node's `EventEmitter`, a listener that throws neither keeps the
 * others from being called nor throws to the code that emits, and the rejection of an async listener is handled.
 */
export class Listeners {
  /** A list is replaced when it changes, so that a listener may add or remove listeners. */
  readonly #byEvent = new Map<string, readonly Entry[]>();
  readonly #failed: (event: string, error: unknown, value: unknown) => void;

  /** @param failed called with what a listener threw, or with what its promise rejected with, and the event's value */
  constructor(failed: (event: string, error: unknown, value: unknown) => void) {
    this.#failed = failed;
  }

  /** @throws QueueError `invalid_options` when the listener is no function */
  add(event: string, listener: Listener, isOnce: boolean = false): void {
    if (typeof listener !== "function") {
      throw new QueueError(
        "invalid_options",
        `The listener of ${show(event)} must be a function; got ${show(listener)}.`,
      );
    }
    this.#byEvent.set(event, [...(this.#byEvent.get(event) ?? []), { listener, isOnce }]);
  }

  /** Removes a listener once: the last entry, if the same listener was added several times. */
  remove(event: string, listener: Listener): void {
    const entries = this.#byEvent.get(event) ?? [];
    const last = entries.findLast((entry) => entry.listener === listener);
    if (last !== undefined) this.#drop(event, last);
  }

  has(event: string): boolean {
    return (this.#byEvent.get(event)?.length ?? 0) > 0;
  }

  emit(event: string, value: unknown): void {
    const entries = this.#byEvent.get(event);
    if (entries === undefined) return;
    for (const entry of entries) {
      if (entry.isOnce) this.#drop(event, entry);
      try {
        const returned = entry.listener(value as never);
        if (returned !== undefined) onRejection(returned, (error) => this.#failed(event, error, value));
      } catch (error) {
        this.#failed(event, error, value);
      }
    }
  }

  #drop(event: string, dropped: Entry): void {
    const entries = this.#byEvent.get(event) ?? [];
    this.#byEvent.set(
      event,
      entries.filter((entry) => entry !== dropped),
    );
  }
}
