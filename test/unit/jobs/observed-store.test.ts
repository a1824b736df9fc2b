import { expect, test } from "vitest";
import { channels, type StoreEvent } from "../../../src/diagnostics.ts";
import { observedStore } from "../../../src/jobs/observed-store.ts";
import type { ClaimChange, NewStoredJob } from "../../../src/jobs/store/change.ts";
import type { JobStore } from "../../../src/jobs/store/job-store.ts";
import { memoryJobStore } from "../../../src/jobs/store/memory-job-store.ts";
import { wrappedStore } from "../../../src/jobs/store/wrapped-store.ts";
import { QueueError } from "../../../src/errors.ts";
import { FakeClock } from "../../../src/testing/index.ts";

const job: NewStoredJob = {
  type: "email",
  queue: "emails",
  maxAttempts: 5,
  createdAt: 0,
  message: { payload: null },
};

const claim = (id: string, token: string): ClaimChange => ({
  kind: "claim",
  id,
  token,
  workerId: "w",
  queue: "emails",
  type: "email",
  stamp: "0",
  redrive: 0,
  wasDeadLetter: false,
  attemptsBefore: 0,
  attemptsOfCopy: 0,
  leaseMs: 30_000,
  seed: () => ({ ...job, stamp: "0" }),
});

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The events of `use`, with the answers of a store that is observed. */
async function observed(
  use: (store: JobStore) => Promise<unknown>,
  inner: (clock: FakeClock) => JobStore = (clock) => memoryJobStore({ clock }),
): Promise<StoreEvent[]> {
  const clock = new FakeClock();
  const events: StoreEvent[] = [];
  const source = {};
  const listen = (event: unknown): void => {
    if ((event as StoreEvent).source === source) events.push(event as StoreEvent);
  };
  channels.store.subscribe(listen);
  try {
    const store = observedStore(inner(clock), source, clock);
    await store.open("test", "here");
    await use(store);
  } finally {
    channels.store.unsubscribe(listen);
  }
  return events.slice(1);
}

test("a request is published with its store, its method and its outcome", async () => {
  const [event, ...others] = await observed((store) => store.counts("test"));
  expect(event).toMatchObject({ store: "memory", operation: "counts", outcome: "ok", ms: 0, claims: [] });
  expect(others).toEqual([]);
});

test("claims are published with their answers, and cancellations by whether the job ran", async () => {
  const events = await observed(async (store) => {
    await store.apply("test", [claim("a", "1"), claim("b", "2")]);
    await store.apply("test", [claim("a", "3")]);
    await store.apply("test", [{ kind: "cancel", id: "a" }]);
    await store.apply("test", [
      {
        kind: "end",
        id: "a",
        token: "1",
        isUntracked: false,
        seq: 1,
        generation: 0,
        attempt: 1,
        outcome: "cancelled",
        workerId: "w",
        durationMs: 1,
      },
      { kind: "cancel", id: "not-known-yet" },
    ]);
  });
  expect(events.map(({ claims, cancelled }) => [claims, cancelled])).toEqual([
    [["run", "run"], { waiting: 0, running: 0 }],
    [["later"], { waiting: 0, running: 0 }],
    [[], { waiting: 0, running: 0 }],
    [[], { waiting: 1, running: 1 }],
  ]);
});

test("the changes that a store applies at once within one tick are one request", async () => {
  const events = await observed(async (store) => {
    expect(store.applyNow?.("test", claim("a", "1"))).toMatchObject({ do: "run" });
    store.applyNow?.("test", claim("a", "2"));
    store.applyNow?.("test", { kind: "cancel", id: "not-known-yet" });
    await tick();
    store.applyNow?.("test", claim("b", "3"));
    await tick();
  });
  expect(events).toMatchObject([
    {
      store: "memory",
      operation: "apply",
      outcome: "ok",
      claims: ["run", "later"],
      cancelled: { waiting: 1, running: 0 },
    },
    { claims: ["run"], cancelled: { waiting: 0, running: 0 } },
  ]);
});

test("a store that has to wait for its changes seems to apply none at once", () => {
  const store = wrappedStore(memoryJobStore(), (_, call) => call());
  expect(observedStore(store, {}, new FakeClock())).toHaveProperty("applyNow", undefined);
});

test.each([
  [new QueueError("store_unavailable", "down"), "unavailable"],
  [new Error("broken"), "failed"],
])("the error %o of a request is published as %s, and thrown", async (error, outcome) => {
  const events = await observed(
    async (store) => {
      await expect(store.list("test", {}, { limit: 1, order: "newest" })).rejects.toBe(error);
    },
    (clock) => {
      const store = memoryJobStore({ clock });
      store.list = async () => {
        throw error;
      };
      return store;
    },
  );
  expect(events).toMatchObject([{ operation: "list", outcome }]);
});

test("an observed store has the members of its store", async () => {
  const inner = memoryJobStore();
  const store = observedStore(inner, {}, new FakeClock());
  expect(store.name).toBe("memory");
  expect(store.capabilities).toBe(inner.capabilities);
  store.listen("test", () => {})();
  await store.close();
  await expect(inner.counts("test")).rejects.toMatchObject({ code: "closed" });
});
