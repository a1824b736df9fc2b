import { reasonOf } from "./reason.ts";
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
 * nothing is written into a namespace that may belong to other queues. Nobody has to wait before listening to it: a listener
 * that the store does not take is given to it again after its next answer.
 *
 * @param open must settle
 * @param warn called when the open store does not take a listener
 */
export function openedStore(
  store: JobStore,
  open: () => Promise<void>,
  warn: (code: string, message: string) => void,
): OpenedStore {
  let isOpen = false;
  let opening: Promise<void> | undefined;
  /** Begin to listen. They throw if the store does not take their listener. */
  const waiting = new Set<() => void>();
  const beginToListen = (): void => {
    for (const begin of waiting) {
      try {
        begin();
        waiting.delete(begin);
      } catch (error) {
        warn(
          "listen",
          `The job store "${store.name}" cannot be listened to: ${reasonOf(error)}. It is tried again; until then, cancellations and events of other processes are late.`,
        );
      }
    }
  };
  const tryToOpen = async (): Promise<void> => {
    try {
      await open();
      isOpen = true;
      beginToListen();
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
    let unlisten: (() => void) | undefined;
    const begin = (): void => {
      unlisten = store.listen(namespace, listener);
    };
    waiting.add(begin);
    if (isOpen) beginToListen();
    return () => {
      waiting.delete(begin);
      unlisten?.();
    };
  };
  const guarded = wrappedStore(
    store,
    (method, request) => {
      if (UNOPENED.has(method)) return request();
      if (!isOpen) return opened().then(request);
      if (waiting.size === 0) return request();
      return request().then((answer) => {
        beginToListen();
        return answer;
      });
    },
    {
      listen,
      applyNow:
        store.applyNow === undefined
          ? undefined
          : (namespace, change) => (isOpen ? store.applyNow?.(namespace, change) : undefined),
    },
  );
  return { store: guarded, opened };
}
