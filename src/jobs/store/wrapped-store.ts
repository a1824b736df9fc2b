import type { JobStore } from "./job-store.ts";

/** A method of a store that makes a request. */
export type StoreMethod = Exclude<keyof JobStore, "name" | "capabilities" | "listen" | "applyNow">;

/** All of them, which the type demands: a method that a wrapper does not know would lack its store. */
const METHODS: Readonly<Record<StoreMethod, true>> = {
  open: true,
  apply: true,
  bearIn: true,
  get: true,
  list: true,
  counts: true,
  minutes: true,
  takeDue: true,
  nextDueAt: true,
  changedSince: true,
  beat: true,
  leave: true,
  workers: true,
  prunable: true,
  prune: true,
  migrate: true,
  now: true,
  close: true,
};

/** Makes a call of a store, or does something else in its place. `given` are the arguments of the call. */
export type AroundCall = (
  method: StoreMethod,
  call: () => Promise<unknown>,
  given: readonly unknown[],
) => Promise<unknown>;

/** The methods of a wrapped store that make no request. */
export interface WrappedMethods {
  /** @default that of the store */
  readonly listen?: JobStore["listen"] | undefined;
  /** @default none: every change is a request, and goes through the function */
  readonly applyNow?: JobStore["applyNow"] | undefined;
}

/** A store whose calls go through a function. */
export function wrappedStore(
  store: JobStore,
  around: AroundCall,
  { listen = (namespace, listener) => store.listen(namespace, listener), applyNow }: WrappedMethods = {},
): JobStore {
  const { name, capabilities } = store;
  const wrapped: Record<string, unknown> = { name, capabilities, listen, applyNow };
  for (const method of Object.keys(METHODS) as StoreMethod[]) {
    if (store[method] === undefined) continue;
    wrapped[method] = (...given: readonly unknown[]) => {
      const request = store[method] as (...given: readonly unknown[]) => Promise<unknown>;
      // With its own `this`, since a class with private fields refuses another.
      return around(method, () => request.apply(store, [...given]), given);
    };
  }
  return wrapped as unknown as JobStore;
}
