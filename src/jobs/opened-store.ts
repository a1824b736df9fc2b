import type { JobStore } from "./store/job-store.ts";

/** The methods that need an open store. */
const REQUESTS = [
  "apply",
  "get",
  "list",
  "counts",
  "minutes",
  "takeDue",
  "nextDueAt",
  "changedSince",
  "beat",
  "leave",
  "workers",
  "prunable",
  "prune",
  "now",
] as const satisfies readonly (keyof JobStore)[];

type Method = (...given: never[]) => Promise<unknown>;

type Listener = Parameters<JobStore["listen"]>[1];

/** A store that is opened before its first request. */
export interface OpenedStore {
  readonly store: JobStore;
  /** Opens the store, if it is not open. Calls at the same time share one try. */
  readonly opened: () => Promise<void>;
}

/**
 * A store that is opened before its first request. While it cannot be opened, each request tries, and fails with the reason:
 * nothing is written into a namespace that may belong to other queues.
 *
 * @param open must settle
 */
export function openedStore(store: JobStore, open: () => Promise<void>): OpenedStore {
  let isOpen = false;
  let opening: Promise<void> | undefined;
  /** Begin to listen when the store is open: nobody has to wait for that. */
  const listening = new Set<() => void>();
  const tryToOpen = async (): Promise<void> => {
    try {
      await open();
      isOpen = true;
      for (const begin of listening) begin();
      listening.clear();
    } finally {
      opening = undefined;
    }
  };
  const opened = (): Promise<void> => {
    if (isOpen) return Promise.resolve();
    opening ??= tryToOpen();
    return opening;
  };
  const guarded = Object.create(store) as Record<string, unknown>;
  for (const operation of REQUESTS) {
    const request = store[operation].bind(store) as Method;
    guarded[operation] = (...given: never[]): Promise<unknown> =>
      isOpen ? request(...given) : opened().then(() => request(...given));
  }
  guarded["listen"] = (namespace: string, listener: Listener): (() => void) => {
    if (isOpen) return store.listen(namespace, listener);
    let unlisten: (() => void) | undefined;
    const begin = (): void => {
      unlisten = store.listen(namespace, listener);
    };
    listening.add(begin);
    return () => {
      listening.delete(begin);
      unlisten?.();
    };
  };
  // The other methods are the store's own. They are bound, since a class with private fields refuses another `this`.
  for (const method of ["open", "migrate", "close"] as const) guarded[method] = store[method].bind(store);
  return { store: guarded as unknown as JobStore, opened };
}
