import { Client, type ClientBase, Pool, type PoolClient, type PoolConfig } from "pg";
import { type Clock, DriverError } from "../../../src/driver/index.ts";
import { driverError, sqlStateOf } from "../errors.ts";
import type { PostgresExecutor, Row, Value } from "./executor.ts";

/** One statement. */
export interface Statement {
  /** The attempt in words, for errors: `send to "emails"`. */
  readonly action: string;
  readonly text: string;
  readonly values: readonly Value[];
  /** The name under which the statement is prepared. @default it is not prepared */
  readonly name?: string | undefined;
  readonly timeoutMs: number;
}

/** Runs statements on connections of a pool, each with a time limit. */
export interface Requests {
  run(statement: Statement): Promise<Row[]>;
  /** Runs statements on one connection. The transaction is committed if `work` resolves, and rolled back if it rejects. */
  transaction<T>(
    action: string,
    timeoutMs: number,
    work: (run: (text: string, values?: readonly Value[]) => Promise<Row[]>) => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

/** Errors of prepared statements behind a pooler that does not know them. */
const NOT_PREPARED: ReadonlySet<string> = new Set(["26000", "42P05", "0A000"]);

/** Connections of `pg`: of a pool of its own, or of one that was passed in. */
export class RequestPool implements Requests {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #isOwn: boolean;
  /** Whether statements are prepared. Not behind a pooler that hands each transaction another connection. */
  #prepares = true;

  constructor(pool: Pool | PoolConfig, clock: Clock) {
    this.#isOwn = !isPool(pool);
    this.#pool = isPool(pool) ? pool : new Pool({ ...pool, Client: ClosingClient });
    this.#clock = clock;
    // Without a listener, the error of an idle connection would end the process. The pool replaces the connection.
    this.#pool.on("error", () => {});
  }

  async run(statement: Statement): Promise<Row[]> {
    const client = await this.#connect(statement.action);
    return this.#finish(client, statement.action, () => this.#query(client, statement));
  }

  async transaction<T>(
    action: string,
    timeoutMs: number,
    work: (run: (text: string, values?: readonly Value[]) => Promise<Row[]>) => Promise<T>,
  ): Promise<T> {
    const client = await this.#connect(action);
    const run = (text: string, values: readonly Value[] = []): Promise<Row[]> =>
      this.#query(client, { action, text, values, timeoutMs });
    return this.#finish(client, action, async () => {
      await run("BEGIN");
      try {
        const result = await work(run);
        await run("COMMIT");
        return result;
      } catch (error) {
        // A connection in another state is destroyed, which rolls back as well.
        if (isUsable(error)) await run("ROLLBACK");
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    if (this.#isOwn && !this.#pool.ended) await this.#pool.end();
  }

  async #connect(action: string): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw driverError(error, action, false);
    }
  }

  /** Returns the connection to the pool, or destroys it if its state is not known. */
  async #finish<T>(client: PoolClient, action: string, work: () => Promise<T>): Promise<T> {
    const ignore = (): void => {};
    // A connection that breaks while it is in use reports that here as well.
    client.on("error", ignore);
    let isBroken = true;
    try {
      const result = await work();
      isBroken = false;
      return result;
    } catch (error) {
      isBroken = !isUsable(error);
      throw driverError(error, action);
    } finally {
      client.removeListener("error", ignore);
      client.release(isBroken);
    }
  }

  async #query(client: ClientBase, { action, text, values, name, timeoutMs }: Statement): Promise<Row[]> {
    const prepared = name !== undefined && this.#prepares ? { name } : {};
    try {
      const work = client.query({ ...prepared, text, values: [...values] });
      const { rows } = await inTime(this.#clock, timeoutMs, work, () => late(action, timeoutMs));
      return rows as Row[];
    } catch (error) {
      if (NOT_PREPARED.has(sqlStateOf(error) ?? "")) this.#prepares = false;
      throw error;
    }
  }
}

/** A client of any library, which is passed in. */
export class InjectedClient implements Requests {
  readonly #client: PostgresExecutor;
  readonly #clock: Clock;

  constructor(client: PostgresExecutor, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async run({ action, text, values, timeoutMs }: Statement): Promise<Row[]> {
    try {
      const work = this.#client.query(text, [...values]);
      return (await inTime(this.#clock, timeoutMs, work, () => late(action, timeoutMs))).rows as Row[];
    } catch (error) {
      throw driverError(error, action);
    }
  }

  /** Refused: two statements of such a client may run on different connections. */
  transaction(): Promise<never> {
    return Promise.reject(
      new DriverError(
        "permanent",
        "a transaction needs a pool of pg or a url; the client that was passed in has only query",
      ),
    );
  }

  async close(): Promise<void> {}
}

/**
 * A client that closes its socket if it cannot connect. `pg` leaves it open if the error is its own, such as a password
 * that is missing, and the server then waits a minute for the rest of the login.
 */
class ClosingClient extends Client {
  override connect(callback?: any): any {
    const connected = (error: Error | null, client?: unknown): void => {
      const { connection } = this as unknown as { connection: { stream: { destroy(): void } } };
      if (error !== null && error !== undefined) connection.stream.destroy();
      callback?.(error, client);
    };
    return super.connect(connected as (error: Error) => void);
  }
}

/** Whether an object is a pool of `pg`. Its class may come from another copy of the package. */
export function isPool(value: unknown): value is Pool {
  return typeof value === "object" && value !== null && "totalCount" in value && "connect" in value;
}

/** Whether a connection can be used again after an error: the server has answered, and has not ended it. */
function isUsable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && !/^(?:08|57P|26000|42P05|0A000)/.test(state);
}

function late(action: string, timeoutMs: number): DriverError {
  return new DriverError("ambiguous", `${action}: the server did not answer within ${timeoutMs} ms`);
}

/** Settles as `work` does, or rejects after `ms`. */
function inTime<T>(clock: Clock, ms: number, work: Promise<T>, reason: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.timer(ms, () => reject(reason()), true);
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
