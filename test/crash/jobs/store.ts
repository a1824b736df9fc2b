import { redisJobStore } from "../../../adapters/redis/index.ts";
import { sqliteJobStore } from "../../../adapters/sqlite/index.ts";
import type { Clock } from "../../../src/driver/index.ts";
import type { JobStore } from "../../../src/jobs/index.ts";
import { storeFileIn } from "./config.ts";

/** The place of the records of a campaign. */
export interface CrashStorePlace {
  /** Folder with the database of the job store, if the records are not in Redis. */
  readonly directory: string;
  /** The server of the records. Undefined if they are in the file. */
  readonly redis?: { readonly url: string; readonly prefix: string } | undefined;
}

/** Creates the store of a campaign. */
export function crashStore({ directory, redis }: CrashStorePlace, clock?: Clock): JobStore {
  return redis === undefined
    ? sqliteJobStore({ path: storeFileIn(directory), clock })
    : redisJobStore({ ...redis, clock });
}
