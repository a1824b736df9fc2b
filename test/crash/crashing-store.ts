import type { DelayStore } from "../../src/delay-store/index.ts";
import type { CrashTrigger } from "./crash-trigger.ts";

/** A delay store in a worker whose process dies between the store and the queue. */
export function crashingStore(inner: DelayStore, trigger: CrashTrigger): DelayStore {
  const ids = new Map<string, string | undefined>();
  return {
    async put(message) {
      trigger.replacing([message]);
      await inner.put(message);
      trigger.pass("between_copy_and_ack");
    },
    async claimDue(queue, options) {
      const due = await inner.claimDue(queue, options);
      for (const { key, dedupId } of due) ids.set(key, dedupId);
      return due;
    },
    async done(keys) {
      // Due messages were sent before this call.
      trigger.pass("between_dispatch_and_done");
      await inner.done(keys);
      for (const key of keys) trigger.dispatched(ids.get(key));
    },
    cancel: (key) => inner.cancel(key),
    list: (queue, limit) => inner.list(queue, limit),
    count: (queue) => inner.count(queue),
    nextAt: (queue) => inner.nextAt(queue),
    drop: (queue) => inner.drop(queue),
    close: () => inner.close(),
  };
}
