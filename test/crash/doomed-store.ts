import type { DelayStore } from "../../src/delay-store/index.ts";
import type { Doom } from "./doomed-driver.ts";

/** A delay store in a worker; its process dies between the store and the queue. */
export function doomedStore(inner: DelayStore, doom: Doom): DelayStore {
  const ids = new Map<string, string | undefined>();
  return {
    async put(message) {
      doom.replacing([message]);
      await inner.put(message);
      doom.pass("between_clone_and_ack");
    },
    async claimDue(queue, options) {
      const due = await inner.claimDue(queue, options);
      for (const { key, dedupId } of due) ids.set(key, dedupId);
      return due;
    },
    async done(keys) {
      // What is due has been sent.
      doom.pass("between_dispatch_and_done");
      await inner.done(keys);
      for (const key of keys) doom.dispatched(ids.get(key));
    },
    cancel: (key) => inner.cancel(key),
    list: (queue, limit) => inner.list(queue, limit),
    count: (queue) => inner.count(queue),
    nextAt: (queue) => inner.nextAt(queue),
    drop: (queue) => inner.drop(queue),
    close: () => inner.close(),
  };
}
