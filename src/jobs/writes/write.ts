import type { JobAnswer, JobChange } from "../store/change.ts";
import { isStoreDown } from "./store-down.ts";
import type { Limited } from "./time-limits.ts";

/** The writer of a {@link Write}. */
export interface WriteHost {
  /** The error of a change that was not answered in time. */
  late(): Error;
  /** Called once, when the write is answered, refused or late. */
  settled(write: Write): void;
}

/** One change on its way to the store. */
export class Write implements Limited {
  readonly change: JobChange;
  readonly bytes: number;
  readonly until: number;
  readonly answer: Promise<JobAnswer>;
  /** The next change of the same job. */
  next: Write | undefined;
  /** Whether the earlier changes of its job are done. */
  isFirst = false;
  isSettled = false;
  /** Whether a call of the store has the change. It may be written, also after the write has expired. */
  isInFlight = false;
  /** Whether the change goes back into the journal if the store is down. */
  isKept = false;
  /** Whether later changes of the job must not be written before this one, which has failed. */
  blocks = false;
  /** How often it was tried without an answer. */
  tries = 0;
  readonly #host: WriteHost;
  #resolve!: (answer: JobAnswer) => void;
  #reject!: (error: unknown) => void;

  constructor(host: WriteHost, change: JobChange, bytes: number, until: number) {
    this.#host = host;
    this.change = change;
    this.bytes = bytes;
    this.until = until;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  answered(answer: JobAnswer): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.#resolve(answer);
    this.#host.settled(this);
  }

  failed(error: unknown): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.blocks = this.isKept && isStoreDown(error);
    this.#reject(error);
    this.#host.settled(this);
  }

  expire(): void {
    this.failed(this.#host.late());
  }
}
