import { QueueError } from "../../errors.ts";
import { type Clock, sleep, systemClock } from "../../lib/clock.ts";
import type { JobAnswer, JobChange } from "../store/change.ts";
import type { JobStore } from "../store/job-store.ts";
import { wrappedStore } from "../store/wrapped-store.ts";

/** One call of a store. */
export interface StoreCall {
  readonly method: keyof JobStore;
  /** The changes of a call of `apply`; none for other methods. */
  readonly changes: readonly JobChange[];
}

/**
 * The fault of one call:
 *
 * - `fail`: Nothing is done, and the call rejects.
 * - `lose`: The call is carried out. Its answer is lost, and it rejects.
 * - `hang`: Nothing is done, and the call never settles.
 * - `lose_and_hang`: The call is carried out, and never settles.
 * - `again`: Each change of the call is answered by `again`, and nothing is done.
 * - a number: The call is carried out after so many milliseconds.
 */
export type StoreFault = "fail" | "lose" | "hang" | "lose_and_hang" | "again" | number;

/** The options of {@link faultyJobStore}. */
export interface FaultyJobStoreOptions {
  /** Chooses the fault of each call; undefined for none. */
  readonly before: (call: StoreCall) => StoreFault | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/**
 * A store whose calls fail as a test says: to show what an application does while the store cannot be reached.
 *
 * @example
 * let isDown = false;
 * const store = faultyJobStore(memoryJobStore({ clock }), { before: () => (isDown ? "fail" : undefined) });
 */
export function faultyJobStore(store: JobStore, options: FaultyJobStoreOptions): JobStore {
  const { before, clock = systemClock } = options;
  return wrappedStore(store, async (method, call, given) => {
    const changes = method === "apply" ? (given[1] as readonly JobChange[]) : [];
    const fault = before({ method, changes });
    if (fault === "fail") throw unreachable(store.name);
    if (fault === "again") return changes.map((): JobAnswer => ({ do: "again" }));
    if (fault === "hang") return never();
    if (typeof fault === "number") await sleep(clock, fault);
    const answer = await call();
    if (fault === "lose") throw unreachable(store.name);
    return fault === "lose_and_hang" ? never() : answer;
  });
}

function never(): Promise<never> {
  return new Promise(() => undefined);
}

function unreachable(name: string): QueueError {
  return new QueueError("store_unavailable", `The job store "${name}" cannot be reached, as the test says.`, {
    retryable: true,
  });
}
