import type { JobAnswer, JobChange } from "../../../src/jobs/store/index.ts";
import type { GroupedChange } from "../../../src/lib/sqlite/group-commit.ts";
import { notRecorded } from "../../sql/job-store/not-recorded.ts";
import type { JobWriter } from "./writer.ts";

/** A change of the store that shares a transaction with others. */
export interface StoreChange extends GroupedChange {
  /** Whether its transaction must be on the disk, and not only in a cache of the operating system, when it resolves. */
  readonly isDurable: boolean;
}

/**
 * The changes after which nobody else knows of the job, or of the decision. The message of all others is in its queue:
 * after a power cut it is delivered again.
 */
const DURABLE: ReadonlySet<JobChange["kind"]> = new Set([
  "insert",
  "birth",
  "cancel",
  "reopen",
  "promote",
  "assume",
]);

/** The changes of one call of `apply`. They may take several transactions, so that the event loop goes on. */
export class ApplyChanges implements StoreChange {
  readonly isDurable: boolean;
  readonly done: PromiseWithResolvers<JobAnswer[]> = Promise.withResolvers();
  readonly #writer: JobWriter;
  readonly #ns: number;
  readonly #changes: readonly JobChange[];
  readonly #answers: JobAnswer[] = [];
  #committed = 0;
  #error: { readonly error: unknown } | undefined;

  constructor(writer: JobWriter, ns: number, changes: readonly JobChange[]) {
    this.#writer = writer;
    this.#ns = ns;
    this.#changes = changes;
    this.isDurable = changes.some(({ kind }) => DURABLE.has(kind));
  }

  run(pauseAt: number): boolean {
    this.#answers.length = this.#committed;
    const now = this.#writer.now();
    while (this.#answers.length < this.#changes.length) {
      const change = this.#changes[this.#answers.length] as JobChange;
      try {
        this.#answers.push(this.#writer.apply(this.#ns, change, now));
      } catch (error) {
        // The file is the matter of all, a value that cannot be written that of this call.
        if (isOfDatabase(error)) throw error;
        this.#error = { error: notRecorded(change.id, error) };
        return true;
      }
      if (performance.now() >= pauseAt) break;
    }
    return this.#answers.length === this.#changes.length;
  }

  committed(isComplete: boolean): void {
    this.#committed = this.#answers.length;
    if (this.#error !== undefined) this.done.reject(this.#error.error);
    else if (isComplete) this.done.resolve(this.#answers);
  }

  failed(error: unknown): void {
    this.done.reject(error);
  }
}

/** Another operation that writes, in one transaction. */
export class Task<Result> implements StoreChange {
  readonly isDurable: boolean;
  readonly done: PromiseWithResolvers<Result> = Promise.withResolvers();
  readonly #write: () => Result;
  #result: Result | undefined;

  constructor(write: () => Result, { isDurable = false }: { readonly isDurable?: boolean } = {}) {
    this.#write = write;
    this.isDurable = isDurable;
  }

  run(): boolean {
    this.#result = this.#write();
    return true;
  }

  committed(): void {
    this.done.resolve(this.#result as Result);
  }

  failed(error: unknown): void {
    this.done.reject(error);
  }
}

/** Whether SQLite itself has refused a statement. */
export function isOfDatabase(error: unknown): boolean {
  return typeof (error as { readonly errcode?: unknown } | undefined)?.errcode === "number";
}
