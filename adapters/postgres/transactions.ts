import type { PostgresExecutor } from "./connection/executor.ts";

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
      // Every second part is the number of a parameter.
      const parts = text.split(/\$(\d+)/);
      const chunks = parts.map((part, index) =>
        index % 2 === 0 ? sql.raw(part) : sql.param(values[Number(part) - 1]),
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

/** The rows of a result: an object with `rows`, as of `pg`, or the array itself, as of postgres.js. */
function rowsOf(result: unknown): { readonly rows: any[] } {
  return Array.isArray(result) ? { rows: result } : (result as { readonly rows: any[] });
}
