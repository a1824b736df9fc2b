import { expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { defaults } from "../../../src/defaults.ts";
import { Delays } from "../../../src/delay/delays.ts";
import type { DelayStore, StoredMessage } from "../../../src/delay/store.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Events, HOUR, MINUTE, SECOND, watch } from "../support.ts";

/** A delay store that is always empty. */
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
/** A delay store in memory that counts its claims. */
function listStore(): DelayStore & { claims: number } {
  const waiting = new Map<string, StoredMessage>();
  return {
    ...empty,
    shared: false,
    claims: 0,
    async put(message) {
      waiting.set(message.key, message);
    },
    async claimDue(_, { now }) {
      this.claims += 1;
      const due = [...waiting.values()].filter(({ dueAt }) => dueAt <= now);
      for (const { key } of due) waiting.delete(key);
      return due;
    },
    async nextAt() {
      const moments = [...waiting.values()].map(({ dueAt }) => dueAt);
      return moments.length === 0 ? undefined : Math.min(...moments);
    },
  };
}

test("a message keeps its deduplication id in the delay store", async () => {
  const clock = new FakeClock();
  const driver = memory({ clock, emulate: "service-bus", queues: ["jobs"] });
  const queue = createQueue(driver, { clock, delayStore: listStore() });
  for (let sent = 0; sent < 3; sent += 1) {
    const message = { type: "mail", payload: sent, dedupId: "order-7" };
    await clock.until(queue.sendDelayed("jobs", message, MINUTE));
  }
  const stop = new AbortController();
  let runs = 0;

  const receiving = queue.receive("jobs", () => void (runs += 1), { signal: stop.signal });
  await clock.advance(2 * MINUTE);

  expect(runs).toBe(1);

  stop.abort();
  await clock.until(receiving);
  await queue.close();
});

test("a store of one process is asked when a message of any queue is due, and once a minute", async () => {
  const clock = new FakeClock();
  const driver = memory({ clock });
  const delayStore = listStore();
  const [sender, receiver] = [
    createQueue(driver, { clock, delayStore }),
    createQueue(driver, { clock, delayStore }),
  ];
  const stop = new AbortController();
  const runs: number[] = [];
  const start = clock.now();
  const receiving = receiver.receive("jobs", () => void runs.push(clock.now() - start), {
    signal: stop.signal,
  });

  await clock.advance(SECOND);
  await clock.until(sender.sendDelayed("jobs", { type: "mail", payload: 1 }, { days: 3 }));
  await clock.until(sender.sendDelayed("jobs", { type: "mail", payload: 2 }, { hours: 1 }));
  await clock.advance(4 * 24 * HOUR);

  expect(runs).toEqual([SECOND + HOUR, SECOND + 72 * HOUR]);
  expect(delayStore.claims).toBeLessThan(4 * 24 * 60 + 20);

  stop.abort();
  await clock.until(receiving);
  await receiver.close();
});

test("a message of the delay store is claimed for longer than any send takes", async () => {
  const clock = new FakeClock();
  const claims: number[] = [];
  const store: DelayStore = {
    ...empty,
    claimDue: (_, { claimMs }) => {
      claims.push(claimMs);
      return Promise.resolve([]);
    },
  };
  const queue = createQueue(memory({ clock }), { clock, delayStore: store });
  const stop = new AbortController();
  const receiving = queue.receive("jobs", () => {}, { signal: stop.signal });
  await clock.advance(SECOND);
  stop.abort();
  await clock.until(receiving);
  await queue.close();

  expect(Math.min(...claims)).toBeGreaterThan(defaults.sendDeadlineMs);
});

test("a receiver that has ended is not woken by messages that are stored later", async () => {
  const clock = new FakeClock();
  const delays = new Delays(empty, clock);
  const woken: number[] = [];
  const outgoing = { body: "{}", attributes: {}, delayMs: 0 };
  const unlisten = delays.onPut("jobs", (dueAt) => woken.push(dueAt));

  await clock.until(delays.put("jobs", outgoing, 1, SECOND));
  unlisten();
  await clock.until(delays.put("jobs", outgoing, 2, SECOND));

  expect(woken).toEqual([1]);
});

test("a store that does not answer to put ends a send at its deadline, as unknown", async () => {
  const clock = new FakeClock();
  const store: DelayStore = { ...empty, put: () => new Promise(() => {}) };
  const queue = createQueue(memory({ clock, emulate: "pubsub", queues: ["jobs"] }), {
    clock,
    delayStore: store,
  });
  const message = { type: "mail", payload: 1 };
  const sent = watch(queue.sendDelayed("jobs", message, HOUR, { deadlineMs: 2 * SECOND }));
  await clock.advance(3 * SECOND);

  expect(sent.error).toMatchObject({ code: "send_unknown", retryable: true });
});

test("a queue with a delay store misses no delay queue", async () => {
  const clock = new FakeClock();
  const driver = memory({ clock, emulate: "sqs", queues: ["jobs"] });
  const open = driver.open.bind(driver);
  driver.open = (queue, options) => open(queue === "jobs-delay" ? "missing" : queue, options);
  const queue = createQueue(driver, { clock, delayStore: empty });
  const events = new Events();
  const stop = new AbortController();
  const receiving = queue.receive("jobs", () => {}, { signal: stop.signal, onEvent: events.add });
  await clock.advance(5 * SECOND);
  stop.abort();
  await clock.until(receiving);

  expect(events.of("warning")).toEqual([]);
});

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
])("a store that does not answer to %s is reported, and does not delay a drain", async (_, silent, event) => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }), { clock, delayStore: { ...empty, ...silent } });
  const events = new Events();
  const stop = new AbortController();

  const receiving = watch(queue.receive("jobs", () => {}, { signal: stop.signal, onEvent: events.add }));
  await clock.advance(5 * SECOND);
  stop.abort();
  await clock.advance(MINUTE);

  expect(receiving.state).toBe("resolved");
  expect(events.names).toContain(event);

  await queue.close();
});

test.each([-HOUR, HOUR])(
  "a message that is due before the next look of its process is sent on time, also after the time of day was set by %d ms",
  async (byMs) => {
    const clock = new FakeClock();
    const queue = createQueue(memory({ clock }), { clock, delayStore: listStore() });
    const stop = new AbortController();
    const runs: number[] = [];
    const receiving = queue.receive("jobs", () => void runs.push(clock.monotonic()), { signal: stop.signal });
    await clock.advance(5 * SECOND);
    clock.setTime(clock.now() + byMs);
    const sentAt = clock.monotonic();
    await clock.until(queue.sendDelayed("jobs", { type: "mail", payload: 1 }, 10 * SECOND));
    await clock.advance(11 * SECOND);

    expect(runs.map((at) => at - sentAt)).toEqual([10 * SECOND]);
    stop.abort();
    await clock.until(receiving);
    await queue.close();
  },
);
