import type { JobStoreCapabilities } from "../store/job-store.ts";
import type { StoreContext } from "./kit/store-context.ts";

/** One behaviour that every job store must show. */
export interface JobStoreCase {
  /** A sentence, unique in the suite. */
  readonly name: string;
  /** The part of the port that the case is about. */
  readonly group: string;
  /** Reason for which the case does not apply to a store; undefined if it applies. */
  skip?(capabilities: JobStoreCapabilities): string | undefined;
  /** Rejects if the store behaves otherwise. */
  run(context: StoreContext): Promise<void>;
}

/** The cases of one group. */
export function group(name: string, cases: readonly Omit<JobStoreCase, "group">[]): readonly JobStoreCase[] {
  return cases.map((one) => ({ ...one, group: name }));
}

/** The reason to skip the cases of several processes on a store that only one process can use. */
export function unlessShared({ shared }: JobStoreCapabilities): string | undefined {
  return shared ? undefined : "the store is used by one process only";
}
