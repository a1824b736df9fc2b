import { postgresJobStore, type PostgresJobStoreOptions } from "../../../adapters/postgres/index.ts";
import type { JobStore } from "../../../src/jobs/store/index.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres-database.ts";

/** A database with the tables of a job store, and the stores that were opened on it. */
export class PostgresJobs implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly #stores: JobStore[] = [];

  private constructor(database: TestDatabase) {
    this.database = database;
  }

  static async create(serverUrl: string): Promise<PostgresJobs> {
    const fixture = new PostgresJobs(await createDatabase(serverUrl));
    await fixture.store().migrate();
    return fixture;
  }

  /** A store that is not opened. */
  store(options: PostgresJobStoreOptions = {}): JobStore {
    const store = postgresJobStore({
      ...(options.client === undefined ? { url: this.database.url } : {}),
      onWarning: () => {},
      ...options,
    });
    this.#stores.push(store);
    return store;
  }

  /** A store on the database, as another process would have it. */
  async open(options: PostgresJobStoreOptions = {}): Promise<JobStore> {
    const store = this.store(options);
    await store.open("ns", "memory");
    return store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close();
    await this.database.drop();
  }
}
