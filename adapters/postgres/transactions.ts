import type { PostgresExecutor } from "./connection/executor.ts";

/** A transaction of postgres.js, or its client. */
export interface PostgresJsTransaction {
  unsafe(text: string, values?: any[]): PromiseLike<unknown>;
}

/** A transaction of Kysely on Postgres. */
export interface KyselyTransaction {
  executeQuery(query: any): PromiseLike<unknown>;
}

/** The part of Kysely's `CompiledQuery` that {@link fromKysely} needs. */
export interface KyselyCompiledQuery {
  raw(text: string, values?: any[]): unknown;
}

/** A transaction of Knex on Postgres. */
export interface KnexTransaction {
  raw(text: string, values: any): PromiseLike<unknown>;
}

/** The parts of Drizzle's `sql` that {@link fromDrizzle} needs. */
export interface DrizzleSql {
  raw(text: string): unknown;
  param(value: unknown): unknown;
  join(chunks: any[]): unknown;
}

/** A transaction of Drizzle on Postgres, with any of its clients. */
export interface DrizzleTransaction {
  execute(query: any): PromiseLike<unknown>;
}

/** A transaction of Prisma, or its client. */
export interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
}

/**
 * Makes a transaction of postgres.js the `transaction` of a send. All values are parameters: no text is put together.
 *
 * @example
 * await sql.begin(async (tx) => {
 *   await tx`INSERT INTO users ${tx(user)}`;
 *   await queue.send("emails", welcome, { transaction: fromPostgresJs(tx) });
 * });
 */
export function fromPostgresJs(transaction: PostgresJsTransaction): PostgresExecutor {
  return { query: async (text, values = []) => rowsOf(await transaction.unsafe(text, values)) };
}

/**
 * Makes a transaction of Kysely the `transaction` of a send.
 *
 * @param compiledQuery `CompiledQuery` of `kysely`
 *
 * @example
 * await db.transaction().execute(async (tx) => {
 *   await tx.insertInto("users").values(user).execute();
 *   await queue.send("emails", welcome, { transaction: fromKysely(tx, CompiledQuery) });
 * });
 */
export function fromKysely(
  transaction: KyselyTransaction,
  compiledQuery: KyselyCompiledQuery,
): PostgresExecutor {
  return {
    query: async (text, values = []) =>
      rowsOf(await transaction.executeQuery(compiledQuery.raw(text, values))),
  };
}

/**
 * Makes a transaction of Knex the `transaction` of a send.
 *
 * @example
 * await knex.transaction(async (tx) => {
 *   await tx("users").insert(user);
 *   await queue.send("emails", welcome, { transaction: fromKnex(tx) });
 * });
 */
export function fromKnex(transaction: KnexTransaction): PostgresExecutor {
  return {
    async query(text, values = []) {
      // The parameters of Knex are question marks, in their order. One of the statement itself is escaped.
      const { texts, used } = split(text, values);
      const marked = texts.map((part) => part.replaceAll("?", String.raw`\?`)).join("?");
      return rowsOf(await transaction.raw(marked, used));
    },
  };
}

/**
 * Makes a transaction of Drizzle the `transaction` of a send.
 *
 * @param sql `sql` of `drizzle-orm`
 *
 * @example
 * await db.transaction(async (tx) => {
 *   await tx.insert(users).values(user);
 *   await queue.send("emails", welcome, { transaction: fromDrizzle(tx, sql) });
 * });
 */
export function fromDrizzle(transaction: DrizzleTransaction, sql: DrizzleSql): PostgresExecutor {
  return {
    async query(text, values = []) {
      const { texts, used } = split(text, values);
      const chunks = texts.flatMap((part, index) =>
        index === 0 ? [sql.raw(part)] : [sql.param(used[index - 1]), sql.raw(part)],
      );
      return rowsOf(await transaction.execute(sql.join(chunks)));
    },
  };
}

/**
 * Makes a transaction of Prisma the `transaction` of a send. All values are parameters: no text is put together.
 *
 * @example
 * await prisma.$transaction(async (tx) => {
 *   await tx.user.create({ data: user });
 *   await queue.send("emails", welcome, { transaction: fromPrisma(tx) });
 * });
 */
export function fromPrisma(transaction: PrismaTransaction): PostgresExecutor {
  return {
    query: async (text, values = []) => rowsOf(await transaction.$queryRawUnsafe(text, ...values)),
  };
}

/** The texts between the parameters of a statement, and the values of the parameters in the order of their places. */
function split(
  text: string,
  values: readonly unknown[],
): { readonly texts: readonly string[]; readonly used: readonly unknown[] } {
  // Every second part is the number of a parameter.
  const parts = text.split(/\$(\d+)/);
  return {
    texts: parts.filter((_, index) => index % 2 === 0),
    used: parts.filter((_, index) => index % 2 === 1).map((number) => values[Number(number) - 1]),
  };
}

/** The rows of a result: an object with `rows`, as of `pg`, or the array itself, as of postgres.js. */
function rowsOf(result: unknown): { readonly rows: any[] } {
  return Array.isArray(result) ? { rows: result } : (result as { readonly rows: any[] });
}
