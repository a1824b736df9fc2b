import { sql } from "drizzle-orm";
import { drizzle as drizzleOnPg } from "drizzle-orm/node-postgres";
import { pgTable, text } from "drizzle-orm/pg-core";
import { drizzle as drizzleOnPostgresJs } from "drizzle-orm/postgres-js";
import knexOf from "knex";
import { CamelCasePlugin, CompiledQuery, Kysely, PostgresDialect } from "kysely";
import { Pool } from "pg";
import postgresJs from "postgres";
import {
  fromDrizzle,
  fromKnex,
  fromKysely,
  fromPostgresJs,
} from "../../../adapters/postgres/transactions.ts";

/** A transaction of a library. */
interface Begun {
  /** The `transaction` of a send. */
  readonly handle: object;
  /** Inserts a row into the table `users` as users of the library do. */
  addUser(this: void, email: string): Promise<unknown>;
}

/** A database client of an application. */
export interface Library {
  /** Commits if `work` resolves. If it rejects, rolls back and rejects with the same error. */
  transact(work: (begun: Begun) => Promise<void>): Promise<unknown>;
  close(): Promise<unknown>;
}

const users = pgTable("users", { email: text().notNull() });

/** The libraries, and settings of them that change statements or results. */
export const libraries: Readonly<Record<string, (url: string) => Library>> = {
  pg(url) {
    const pool = new Pool({ connectionString: url });
    return {
      async transact(work) {
        const client = await pool.connect();
        const addUser = (email: string): Promise<unknown> =>
          client.query("INSERT INTO users (email) VALUES ($1)", [email]);
        try {
          await client.query("BEGIN");
          await work({ handle: client, addUser });
          await client.query("COMMIT");
        } catch (error) {
          await client.query("ROLLBACK");
          throw error;
        } finally {
          client.release();
        }
      },
      close: () => pool.end(),
    };
  },
  "postgres.js": (url) => onPostgresJs(postgresJs(url)),
  "postgres.js, with columns in camel case and without prepared statements": (url) =>
    onPostgresJs(postgresJs(url, { transform: postgresJs.camel, prepare: false, fetch_types: false })),
  Kysely: (url) => onKysely(kysely(url)),
  "Kysely, with columns in camel case": (url) => onKysely(kysely(url).withPlugin(new CamelCasePlugin())),
  Knex(url) {
    const knex = knexOf({ client: "pg", connection: url });
    return {
      transact: (work) =>
        knex.transaction((tx) =>
          work({ handle: fromKnex(tx), addUser: async (email) => tx("users").insert({ email }) }),
        ),
      close: () => knex.destroy(),
    };
  },
  "Drizzle with node-postgres"(url) {
    const pool = new Pool({ connectionString: url });
    const db = drizzleOnPg({ client: pool });
    return {
      transact: (work) =>
        db.transaction((tx) =>
          work({
            handle: fromDrizzle(tx, sql),
            addUser: async (email) => tx.insert(users).values({ email }),
          }),
        ),
      close: () => pool.end(),
    };
  },
  "Drizzle with postgres.js"(url) {
    const client = postgresJs(url);
    const db = drizzleOnPostgresJs({ client });
    return {
      transact: (work) =>
        db.transaction((tx) =>
          work({
            handle: fromDrizzle(tx, sql),
            addUser: async (email) => tx.insert(users).values({ email }),
          }),
        ),
      close: () => client.end(),
    };
  },
};

function onPostgresJs(client: postgresJs.Sql): Library {
  return {
    transact: (work) =>
      client.begin((tx) =>
        work({
          handle: fromPostgresJs(tx),
          addUser: async (email) => tx`INSERT INTO users (email) VALUES (${email})`,
        }),
      ),
    close: () => client.end(),
  };
}

function kysely(url: string): Kysely<{ users: { email: string } }> {
  return new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ connectionString: url }) }) });
}

function onKysely(db: ReturnType<typeof kysely>): Library {
  return {
    transact: (work) =>
      db.transaction().execute((tx) =>
        work({
          handle: fromKysely(tx, CompiledQuery),
          addUser: (email) => tx.insertInto("users").values({ email }).execute(),
        }),
      ),
    close: () => db.destroy(),
  };
}
