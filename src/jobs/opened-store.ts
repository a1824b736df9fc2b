import type { JobStore } from "./store/job-store.ts";
import { type StoreMethod, wrappedStore } from "./store/wrapped-store.ts";

/** The methods that do not need an open store. */
const UNOPENED: ReadonlySet<StoreMethod> = new Set(["open", "migrate", "close"]);

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
  const listen = (namespace: string, listener: Listener): (() => void) => {
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
  const guarded = wrappedStore(
    store,
    (method, request) => (isOpen || UNOPENED.has(method) ? request() : opened().then(request)),
    listen,
  );
  return { store: guarded, opened };
}
