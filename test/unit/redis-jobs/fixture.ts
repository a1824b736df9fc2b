import { randomUUID } from "node:crypto";
import { redisJobStore, type RedisJobStoreOptions } from "../../../adapters/redis/index.ts";
import type { JobStore } from "../../../src/jobs/store/index.ts";
import { removeRedisKeys } from "../../support/redis-keys.ts";

/** The keys of one suite, under a prefix of their own, with the stores that it opens. */
export class StoreFixture {
  readonly url: string;
  readonly prefix: string = `qp-test-${randomUUID()}`;
  readonly #stores: JobStore[] = [];

  constructor(url: string) {
    this.url = url;
  }

  /** Creates a store. Each one acts as another process. */
  store(options: RedisJobStoreOptions = {}): JobStore {
    const store = redisJobStore({ url: this.url, prefix: this.prefix, ...options });
    this.#stores.push(store);
    return store;
  }

  /** Creates a store, and opens a namespace. */
  async opened(
    namespace: string,
    options: RedisJobStoreOptions = {},
    fingerprint = "test",
  ): Promise<JobStore> {
    const store = this.store(options);
    await store.open(namespace, fingerprint);
    return store;
  }

  /** Closes the stores, and removes all keys. */
  async close(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
    await removeRedisKeys(this.url, this.prefix);
  }
}
