import { sleep, systemClock } from "../clock.ts";
import { onceUnlocked } from "./unlocked.ts";

/** Milliseconds of writing after which other processes get a gap, in which they find the file unlocked. */
const GAP_EVERY_MS = 20;
const GAP_MS = 2;

/** A change of a database that shares a transaction with others. */
export interface GroupedChange {
  /**
   * Carries the change out within the transaction, from its last commit on. Returns whether it is complete; otherwise it
   * goes on in the next transaction.
   *
   * @param pauseAt when it should pause, in milliseconds of `performance.now`
   */
  run(pauseAt: number): boolean;
  /** Called when a transaction is committed in which the change was run. */
  committed(isComplete: boolean): void;
  /** Called when a transaction of the change was rolled back. */
  failed(error: unknown): void;
}

/** The parts of a database that a {@link GroupCommit} uses. `DatabaseSync` has them. */
export interface TransactionalDatabase {
  exec(sql: string): void;
  readonly isTransaction: boolean;
}

/** The options of {@link GroupCommit}. */
export interface GroupCommitOptions<Change extends GroupedChange> {
  /** Called before each transaction, and again while the file is locked. */
  readonly beforeBegin?: ((changes: readonly Change[]) => void) | undefined;
  /** Called at the beginning of each transaction, with the write lock. */
  readonly begun?: (() => void) | undefined;
  /** Called at the end of each transaction, before its commit. */
  readonly ending?: (() => void) | undefined;
  /** Called after a commit, before the changes learn of it. Must not throw: they are committed all the same. */
  readonly ended?: (() => void) | undefined;
  /** Called after a transaction was rolled back. */
  readonly rolledBack?: (() => void) | undefined;
  /** Whether other processes write as well: then they get a gap from time to time. @default no */
  readonly isShared?: (() => boolean) | undefined;
  /** Milliseconds after which a transaction takes no further change, so that the event loop goes on. @default no limit */
  readonly sliceMs?: number | undefined;
}

/**
 * Carries changes out in their order, in one transaction per turn of the event loop: a write to the disk takes as long for
 * many. While another process has locked the file, the changes wait, and the event loop goes on.
 */
export class GroupCommit<Change extends GroupedChange = GroupedChange> {
  readonly #database: TransactionalDatabase;
  readonly #options: GroupCommitOptions<Change>;
  #waiting: Change[] = [];
  #isCommitting = false;
  /** Milliseconds of writing since the last gap, and the end of the last transaction. */
  #heldMs = 0;
  #heldUntil = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(database: TransactionalDatabase, options: GroupCommitOptions<Change> = {}) {
    this.#database = database;
    this.#options = options;
  }

  /** The changes that the next transaction begins with; another list for each transaction. */
  get waiting(): readonly Change[] {
    return this.#waiting;
  }

  /** Whether a change waits, or is being written. */
  get isBusy(): boolean {
    return this.#isCommitting || this.#waiting.length > 0;
  }

  add(change: Change): void {
    if (this.#waiting.push(change) === 1 && !this.#isCommitting) setImmediate(() => void this.#commit());
  }

  /** Resolves when no change waits. Never rejects. */
  idle(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Commits the changes that wait, in their order. Never rejects. */
  async #commit(): Promise<void> {
    // The commit under way, which waits for a lock, takes the later changes as well.
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      await this.#leaveGap();
      const changes = this.#waiting;
      this.#waiting = [];
      let rest: readonly Change[] = [];
      try {
        rest = await onceUnlocked(() => this.#write(changes));
      } catch (error) {
        for (const change of changes) change.failed(error);
      }
      if (rest.length > 0) this.#waiting = [...rest, ...this.#waiting];
      // Other work of the event loop has its turn, and adds its changes.
      if (this.#waiting.length > 0) await new Promise(setImmediate);
    }
    this.#isCommitting = false;
    this.#idle?.resolve();
    this.#idle = undefined;
  }

  /** A process that writes all the time would otherwise hardly ever let another one find the file unlocked. */
  async #leaveGap(): Promise<void> {
    const isGap = performance.now() - this.#heldUntil >= GAP_MS;
    const isDue = !isGap && this.#heldMs >= GAP_EVERY_MS && this.#options.isShared?.() === true;
    if (isDue) await sleep(systemClock, GAP_MS);
    if (isDue || isGap) this.#heldMs = 0;
  }

  /** Returns the changes that are not complete. */
  #write(changes: readonly Change[]): readonly Change[] {
    const { beforeBegin, begun, ending, ended, rolledBack, sliceMs = Infinity } = this.#options;
    const pauseAt = performance.now() + sliceMs;
    beforeBegin?.(changes);
    this.#database.exec("BEGIN IMMEDIATE");
    const heldFrom = performance.now();
    let [run, done] = [0, 0];
    try {
      begun?.();
      while (run === done && run < changes.length && (run === 0 || performance.now() < pauseAt)) {
        run += 1;
        if ((changes[done] as Change).run(pauseAt)) done += 1;
      }
      ending?.();
      this.#database.exec("COMMIT");
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      rolledBack?.();
      throw error;
    } finally {
      this.#heldUntil = performance.now();
      this.#heldMs += this.#heldUntil - heldFrom;
    }
    try {
      ended?.();
    } catch (error) {
      // Rethrown on its own, since nothing is to be repeated that is committed.
      queueMicrotask(() => {
        throw error;
      });
    }
    for (let index = 0; index < run; index += 1) (changes[index] as Change).committed(index < done);
    return done === changes.length ? [] : changes.slice(done);
  }
}
