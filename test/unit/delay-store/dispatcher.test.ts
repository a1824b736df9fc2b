import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/create-queue.ts";
import type { DelayStore } from "../../../src/delay/store.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Events, MINUTE, SECOND, watch } from "../support.ts";

/** A store in which nothing waits. */
const empty: DelayStore = {
  put: () => Promise.resolve(),
  claimDue: () => Promise.resolve([]),
  done: () => Promise.resolve(),
  cancel: () => Promise.resolve(false),
  list: () => Promise.resolve([]),
  count: () => Promise.resolve(0),
  nextAt: () => Promise.resolve(undefined),
  drop: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
const due = { key: "k", queue: "jobs", dueAt: 0, body: "{}", attributes: {} };

test.each<[string, Partial<DelayStore>, string]>([
  ["claimDue", { claimDue: () => new Promise(() => {}) }, "warning"],
  ["nextAt", { nextAt: () => new Promise(() => {}) }, "warning"],
  [
    "done",
    {
      claimDue: (_, { limit }) => Promise.resolve(limit === 500 ? [due] : []),
      done: () => new Promise(() => {}),
    },
    "settle_failed",
  ],
])("a store that does not answer to %s is heard of, and holds up no drain", async (_, silent, said) => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }), { clock, delayStore: { ...empty, ...silent } });
  const events = new Events();
  const stop = new AbortController();
  const receiving = watch(queue.receive("jobs", () => {}, { signal: stop.signal, onEvent: events.add }));
  await clock.advance(5 * SECOND);
  stop.abort();
  await clock.advance(MINUTE);
  expect(receiving.state).toBe("resolved");
  expect(events.names).toContain(said);
  await queue.close();
});
