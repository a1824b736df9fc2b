import type { StoredMessage } from "./message.ts";
import type { Timers } from "./timers.ts";

/** One timer a message: for its lock, its schedule or its expiry, whichever it has now. */
export class Alarms {
  readonly #timers: Timers;
  readonly #set = new Map<number, () => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  set({ sequence }: StoredMessage, at: number, run: () => void): void {
    this.#set.get(sequence)?.();
    const cancel = this.#timers.at(at, () => {
      this.#set.delete(sequence);
      run();
    });
    this.#set.set(sequence, cancel);
  }

  cancel({ sequence }: StoredMessage): void {
    this.#set.get(sequence)?.();
    this.#set.delete(sequence);
  }

  end(): void {
    for (const cancel of this.#set.values()) cancel();
    this.#set.clear();
  }
}
