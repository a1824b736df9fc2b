import type { StatementSync } from "node:sqlite";
import type { ClaimOptions, DelayStore, StoredMessage } from "../delay/store.ts";
import { describeError, QueueError } from "../errors.ts";
import { DatabaseFile, pathProblem } from "../lib/sqlite/database-file.ts";
import { GroupCommit, type GroupedChange } from "../lib/sqlite/group-commit.ts";
import { isLocked, onceUnlocked } from "../lib/sqlite/unlocked.ts";

/** The options of {@link sqliteDelayStore}. */
export interface SqliteDelayStoreOptions {
  /**
   * Path of the database file. A missing file or folder is created, and only this user can read it. `:memory:` keeps the
   * messages in this process only.
   */
  readonly path: string;
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS delayed (
    key TEXT PRIMARY KEY,
    queue TEXT NOT NULL,
    due_at INTEGER NOT NULL,
    claimed_until INTEGER NOT NULL DEFAULT 0,
    body ANY NOT NULL,
    attributes TEXT NOT NULL,
    ordering_key TEXT,
    dedup_id TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS delayed_by_due ON delayed (queue, due_at);
  CREATE INDEX IF NOT EXISTS delayed_unclaimed ON delayed (queue, due_at) WHERE claimed_until = 0;
  CREATE INDEX IF NOT EXISTS delayed_claimed ON delayed (queue, claimed_until) WHERE claimed_until > 0;
`;

const SQL = {
  put: "INSERT OR IGNORE INTO delayed (key, queue, due_at, body, attributes, ordering_key, dedup_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
  // A claim that would last far longer than any claim was made before the machine's time was set back.
  claim: `UPDATE delayed SET claimed_until = ? WHERE key IN (
    SELECT key FROM delayed WHERE queue = ? AND due_at <= ? AND (claimed_until <= ? OR claimed_until > ?)
    ORDER BY due_at, key LIMIT ?
  ) RETURNING *`,
  done: "DELETE FROM delayed WHERE key = ?",
  cancel: "DELETE FROM delayed WHERE key = ? AND claimed_until = 0",
  list: "SELECT * FROM delayed WHERE queue = ? ORDER BY due_at, key LIMIT ?",
  count: "SELECT count(*) AS count FROM delayed WHERE queue = ?",
  // Each part has its own index, so that the cost does not depend on the number of messages. A claimed message was due.
  next: `SELECT min(at) AS at FROM (
    SELECT min(due_at) AS at FROM delayed WHERE queue = ? AND claimed_until = 0
    UNION ALL SELECT min(claimed_until) FROM delayed WHERE queue = ? AND claimed_until > 0
  )`,
  drop: "DELETE FROM delayed WHERE queue = ?",
} as const;

interface Row {
  readonly key: string;
  readonly queue: string;
  readonly due_at: number;
  readonly body: string | Uint8Array;
  readonly attributes: string;
  readonly ordering_key: string | null;
  readonly dedup_id: string | null;
}

type Statements = { readonly [Name in keyof typeof SQL]: StatementSync };

/** A change that waits for the next transaction. */
class Change implements GroupedChange {
  readonly done: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #apply: () => void;

  constructor(apply: () => void) {
    this.#apply = apply;
  }

  run(): boolean {
    this.#apply();
    return true;
  }

  committed(): void {
    this.done.resolve();
  }

  failed(error: unknown): void {
    this.done.reject(error);
  }
}

/**
 * Creates a delay store in an SQLite file. Several processes of one machine may use the file. It needs only
 * `node:sqlite`. A message is on the disk, and not only in a cache of the operating system, when `put` resolves. While
 * another process has locked the file, calls wait for up to 5 s, and the event loop goes on. `put` and `claimDue` reject if
 * the file was deleted or replaced.
 *
 * @throws QueueError `config` when the path is no path or a symbolic link, or the file cannot be opened
 *
 * @example
 * import { sqliteDelayStore } from "queueport/delay-store";
 *
 * const delayStore = sqliteDelayStore({ path: "delays.db" });
 * const queue = createQueue(sqs(), { delayStore });
 */
export function sqliteDelayStore({ path }: SqliteDelayStoreOptions): DelayStore {
  return new SqliteDelayStore(path);
}

class SqliteDelayStore implements DelayStore {
  readonly shared: boolean;
  readonly #file: DatabaseFile;
  readonly #changes: GroupCommit;
  /** Undefined while the file was locked whenever it was tried to prepare them. */
  #statements: Statements | undefined;
  /** The changes for which the file was checked. Once for each transaction: it costs a tenth of a put. */
  #checkedFor: readonly GroupedChange[] | undefined;
  /** Resolves when the last change so far is committed, or has failed. */
  #lastChange: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.shared = path !== ":memory:";
    const problem = pathProblem(path);
    if (problem !== undefined) throw new QueueError("config", `A delay store ${problem}`);
    try {
      this.#file = new DatabaseFile(path);
    } catch (cause) {
      throw cannotOpen(path, cause);
    }
    this.#changes = new GroupCommit(this.#file.database, { beforeBegin: () => this.#prepared() });
    try {
      this.#prepared();
    } catch (cause) {
      // A file that another process has locked is tried again by the first call, which can wait.
      if (isLocked(cause)) return;
      this.#file.close();
      throw cannotOpen(path, cause);
    }
  }

  async put({ key, queue, dueAt, body, attributes, orderingKey, dedupId }: StoredMessage): Promise<void> {
    if (this.#checkedFor !== this.#changes.waiting) this.#file.check();
    this.#checkedFor = this.#changes.waiting;
    const values = [key, queue, dueAt, body, JSON.stringify(attributes)] as const;
    await this.#change(({ put }) => put.run(...values, orderingKey ?? null, dedupId ?? null));
  }

  async claimDue(queue: string, { now, claimMs, limit }: ClaimOptions): Promise<StoredMessage[]> {
    const until = now + claimMs;
    const rows = await this.#after(({ claim }) => claim.all(until, queue, now, now, until + claimMs, limit));
    // Checked last, since the messages in a deleted file can be sent as long as this process has it open.
    if (rows.length === 0) this.#file.check();
    return (rows as unknown as Row[])
      .map(messageOf)
      .toSorted((one, other) => one.dueAt - other.dueAt || (one.key < other.key ? -1 : 1));
  }

  done(keys: readonly string[]): Promise<void> {
    return this.#change(({ done }) => {
      for (const key of keys) done.run(key);
    });
  }

  async cancel(key: string): Promise<boolean> {
    return Number((await this.#after(({ cancel }) => cancel.run(key))).changes) > 0;
  }

  async list(queue: string, limit: number): Promise<StoredMessage[]> {
    const most = Math.min(limit, Number.MAX_SAFE_INTEGER);
    return ((await this.#after(({ list }) => list.all(queue, most))) as unknown as Row[]).map(messageOf);
  }

  async count(queue: string): Promise<number> {
    return Number((await this.#after(({ count }) => count.get(queue)))?.["count"] ?? 0);
  }

  async nextAt(queue: string): Promise<number | undefined> {
    const at = (await this.#after(({ next }) => next.get(queue, queue)))?.["at"];
    return typeof at === "number" ? at : undefined;
  }

  async drop(queue: string): Promise<void> {
    await this.#after(({ drop }) => drop.run(queue));
  }

  async close(): Promise<void> {
    await this.#lastChange;
    this.#file.close();
  }

  /** Carries out an operation after the changes that were made before it. */
  async #after<Result>(operation: (statements: Statements) => Result): Promise<Result> {
    // Later changes are not waited for: there may always be more.
    await this.#lastChange;
    return onceUnlocked(() => operation(this.#prepared()));
  }

  #prepared(): Statements {
    if (this.#statements !== undefined) return this.#statements;
    this.#file.database.exec(SCHEMA);
    const prepare = (sql: string): StatementSync => this.#file.database.prepare(sql);
    this.#statements = {
      put: prepare(SQL.put),
      claim: prepare(SQL.claim),
      done: prepare(SQL.done),
      cancel: prepare(SQL.cancel),
      list: prepare(SQL.list),
      count: prepare(SQL.count),
      next: prepare(SQL.next),
      drop: prepare(SQL.drop),
    };
    return this.#statements;
  }

  #change(apply: (statements: Statements) => void): Promise<void> {
    const change = new Change(() => apply(this.#prepared()));
    this.#lastChange = change.done.promise.catch(() => undefined);
    this.#changes.add(change);
    return change.done.promise;
  }
}

function cannotOpen(path: string, cause: unknown): QueueError {
  return new QueueError(
    "config",
    `The delay store ${path} could not be opened: ${describeError(cause)}. Give a regular file that this process may write.`,
    { cause },
  );
}

function messageOf({ key, queue, due_at, body, attributes, ordering_key, dedup_id }: Row): StoredMessage {
  return {
    key,
    queue,
    dueAt: due_at,
    body,
    attributes: JSON.parse(attributes) as StoredMessage["attributes"],
    orderingKey: ordering_key ?? undefined,
    dedupId: dedup_id ?? undefined,
  };
}
