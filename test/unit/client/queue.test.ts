import { describe, expect, test, vi } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { DelayStore } from "../../../src/delay/store.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, never, SECOND, QueueFixture, watch } from "../support.ts";

const mail = (fields: Partial<NewMessage> = {}): NewMessage => ({ type: "mail", payload: {}, ...fields });

describe("a call whose arguments only the types would refuse", () => {
  const invalid = (code: string): object => expect.objectContaining({ code }) as object;

  test("is refused with invalid_options if a name, a batch or a driver is missing", async () => {
    const { queue } = new QueueFixture();

    for (const name of [undefined, null, 5, ""]) {
      await expect(queue.send(name as never, mail())).rejects.toEqual(invalid("invalid_options"));
      await expect(queue.stats(name as never)).rejects.toEqual(invalid("invalid_options"));
      await expect(queue.cancel(name as never)).rejects.toEqual(invalid("invalid_options"));
    }
    await expect(queue.sendBatch("jobs", mail() as never)).rejects.toEqual(invalid("invalid_options"));
    expect(() => createQueue(undefined as never)).toThrow(
      expect.objectContaining({ code: "invalid_options" }),
    );
  });

  test("is refused with invalid_delay if the delay is missing, and nothing is sent", async () => {
    const fixture = new QueueFixture();

    for (const delay of [undefined, {}, { days: undefined }, new Date(fixture.clock.now() + SECOND)]) {
      await expect(fixture.queue.sendDelayed("jobs", mail(), delay as never)).rejects.toEqual(
        invalid("invalid_delay"),
      );
    }
    expect(await fixture.peek("jobs")).toEqual([]);
  });

  test("is refused if the clock of a queue differs from the clock of its driver", () => {
    const clock = new FakeClock();

    expect(createQueue(memory({ clock })).clock).toBe(clock);
    expect(createQueue(memory({ clock }), { clock }).clock).toBe(clock);
    for (const driver of [memory(), memory({ clock: new FakeClock() })]) {
      expect(() => createQueue(driver, { clock })).toThrow(
        expect.objectContaining({ code: "invalid_options" }),
      );
    }
  });

  test("names an unknown handle in its error, and names no queue", async () => {
    await expect(new QueueFixture().queue.cancel("made up")).rejects.toThrow(
      'Could not cancel a delayed message (memory): The handle "made up" was not returned by a send of this driver.',
    );
  });
});

describe("a delayed message on an ordered queue", () => {
  test("waits in the delay queue, without a delay of the provider, if it has no ordering key", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = watch(fixture.queue.sendDelayed("jobs.fifo", mail(), { minutes: 5 }));
    await fixture.clock.settle();
    expect(sent.error).toBeUndefined();
    expect(await fixture.peek("jobs-delay.fifo")).toHaveLength(1);

    const arrivals: number[] = [];
    void fixture.queue.receive("jobs.fifo", () => Promise.resolve(void arrivals.push(fixture.clock.now())));
    const due = fixture.clock.now() + 300_000;
    await fixture.clock.advance(310_000);
    expect(arrivals).toHaveLength(1);
    expect(arrivals[0]).toBeGreaterThanOrEqual(due);
    expect(arrivals[0]).toBeLessThanOrEqual(due + 2 * SECOND);
  });

  test("is refused if it has an ordering key", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = fixture.queue.sendDelayed("jobs.fifo", mail({ orderingKey: "k" }), { minutes: 5 });

    await expect(sent).rejects.toMatchObject({ code: "not_supported" });
  });
});

describe("close", () => {
  test("sends the messages accepted before it, and refuses later ones", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    const door = new Door();
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = (queue) => door.opened.then(() => describeQueue(queue));
    const wasSentFirst: boolean[] = [];
    const close = fixture.driver.close.bind(fixture.driver);
    fixture.driver.close = () => {
      wasSentFirst.push(sent.state === "resolved");
      return close();
    };

    const sent = watch(fixture.queue.send("jobs", mail()));
    const closed = watch(fixture.queue.close());
    await expect(fixture.queue.send("jobs", mail())).rejects.toMatchObject({ code: "closed" });

    await fixture.clock.settle();
    expect(closed.state).toBe("pending");

    door.open();
    await fixture.clock.settle();
    expect([sent.state, closed.state, wasSentFirst]).toEqual(["resolved", "resolved", [true]]);
  });

  test("drains the receivers, and does nothing the second time", async () => {
    const fixture = new QueueFixture();
    await fixture.queue.send("jobs", mail());
    const door = new Door();
    const received = watch(fixture.queue.receive("jobs", () => door.opened));
    await fixture.clock.settle();
    const closed = watch(fixture.queue.close());
    await fixture.clock.settle();
    expect([received.state, closed.state]).toEqual(["pending", "pending"]);

    door.open();
    await fixture.clock.settle();
    expect([received.state, closed.state]).toEqual(["resolved", "resolved"]);

    await fixture.queue.close();
    expect(fixture.clock.pending).toBe(0);
  });
});

describe("close while a handler runs", () => {
  test("lets the handler send and count, and refuses everything once it has ended", async () => {
    const fixture = new QueueFixture({ queues: ["jobs", "next"] });
    const door = new Door();
    const runs: unknown[] = [];
    const run = async (): Promise<void> => {
      await door.opened;
      await fixture.queue.send("next", mail());
      await fixture.queue.sendBatch("next", [mail()]);
      runs.push((await fixture.queue.stats("next")).messages);
    };
    await fixture.queue.send("jobs", mail({ maxAttempts: 1 }));
    const received = watch(fixture.queue.receive("jobs", run));
    await fixture.clock.settle();

    const closed = watch(fixture.queue.close());
    await expect(fixture.queue.receive("jobs", run)).rejects.toMatchObject({ code: "closed" });
    await expect(fixture.queue.pump("jobs")).rejects.toMatchObject({ code: "closed" });
    door.open();
    await fixture.clock.settle();

    expect([received.state, closed.state, runs]).toEqual(["resolved", "resolved", [2]]);
    await expect(fixture.queue.send("next", mail())).rejects.toMatchObject({ code: "closed" });
  });

  test("refuses what a handler sends that does not end before the drain deadline", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    const door = new Door();
    let late: unknown;
    await fixture.queue.send("jobs", mail());
    const handler = async (): Promise<void> => {
      await door.opened;
      late = await fixture.queue.send("jobs", mail()).catch((error: unknown) => error);
    };
    const received = watch(fixture.queue.receive("jobs", handler, { drainMs: SECOND, graceMs: SECOND }));
    await fixture.clock.settle();

    const closed = watch(fixture.queue.close());
    await fixture.clock.advance(10 * SECOND);
    door.open();
    await fixture.clock.settle();

    expect([received.state, closed.state]).toEqual(["rejected", "resolved"]);
    expect(late).toMatchObject({ code: "closed" });
  });
});

describe("close while dead letters are redriven", () => {
  test("ends the redrive after its batch, waits for that, and says so", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    for (const body of ["1", "2", "3"]) await fixture.plant("jobs-dlq", { body });
    // The messages are looked at after the end.
    const closedAfter: string[] = [];
    fixture.driver.close = async () => void closedAfter.push(redriven.state);
    const deadLetters = fixture.queue.deadLetters("jobs");
    const redriven = watch(deadLetters.redrive({ ratePerSecond: 1 }));
    await fixture.clock.advance(SECOND / 2);

    const closed = watch(fixture.queue.close());
    await fixture.clock.advance(30 * SECOND);

    expect([closed.state, closedAfter]).toEqual(["resolved", ["rejected"]]);
    expect(redriven.error).toMatchObject({ code: "closed", queue: "jobs" });
    expect(await fixture.peek("jobs")).toHaveLength(1);
    expect(await fixture.peek("jobs-dlq")).toHaveLength(2);
    await expect(deadLetters.list()).rejects.toMatchObject({ code: "closed" });
  });
});

test("counts are as old as the oldest of their parts", async () => {
  const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs"] });
  const times: Readonly<Record<string, number>> = { jobs: 3_000, "jobs-delay": 1_000, "jobs-dlq": 2_000 };
  const stats = fixture.driver.stats.bind(fixture.driver);
  fixture.driver.stats = async (name) => ({ ...(await stats(name)), asOf: times[name] ?? 0 });

  expect((await fixture.queue.stats("jobs")).asOf).toEqual(new Date(1_000));
});

test("a queue that was changed by ensure is used as it is now", async () => {
  const { queue } = new QueueFixture();
  await queue.send("jobs", mail());
  await expect(queue.send("jobs", mail({ orderingKey: "k" }))).rejects.toMatchObject({
    code: "not_supported",
  });
  await queue.ensure("jobs", { ordering: "by_key" });

  await expect(queue.send("jobs", mail({ orderingKey: "k" }))).resolves.toBeDefined();
});

test("the delay store is closed even if the driver cannot be closed", async () => {
  const store = { close: vi.fn<() => Promise<void>>(() => Promise.resolve()) };
  const driver = memory();
  driver.close = () => Promise.reject(new Error("still busy"));
  const queue = createQueue(driver, { delayStore: store as unknown as DelayStore });

  await expect(queue.close()).rejects.toThrow("still busy");
  expect(store.close).toHaveBeenCalledTimes(1);
});

test("a call whose signal has already aborted sends and receives nothing", async () => {
  const fixture = new QueueFixture();
  const signal = AbortSignal.abort(new Error("enough"));

  await expect(fixture.queue.send("jobs", mail(), { signal })).rejects.toThrow("enough");
  await expect(fixture.queue.sendBatch("jobs", [mail()], { signal })).rejects.toThrow("enough");
  await expect(fixture.queue.receive("jobs", () => Promise.resolve(), { signal })).rejects.toThrow("enough");
  expect(fixture.requests).toEqual([]);
  expect(never.aborted).toBe(false);
});

describe("close", () => {
  test.each(["driver", "store", "both"])(
    "closes the driver and the delay store although an error comes from one of them (%s)",
    async (failing) => {
      const closed: string[] = [];
      const driver = memory();
      driver.close = () => {
        closed.push("driver");
        if (failing !== "store") throw new Error("driver");
        return Promise.resolve();
      };
      const delayStore = {
        close: () => {
          closed.push("store");
          return failing === "driver" ? Promise.resolve() : Promise.reject(new Error("store"));
        },
      } as DelayStore;
      const queue = createQueue(driver, { delayStore });
      await expect(queue.close()).rejects.toThrow(failing === "store" ? "store" : "driver");
      expect(closed).toEqual(["driver", "store"]);
    },
  );
});

describe("a queue with a smaller size limit than its provider", () => {
  async function withLimit(maxMessageBytes: number, emulate?: "sqs"): Promise<Queue> {
    const driver = memory({ emulate, queues: emulate === undefined ? undefined : ["jobs"] });
    const traitsOf = driver.describe.bind(driver);
    driver.describe = async (queue) => ({ ...(await traitsOf(queue)), maxMessageBytes });
    return createQueue(driver);
  }

  test.each(["sqs", undefined] as const)(
    "refuses a first send that leaves no room for its dead letter, with the queue's number (%s)",
    async (emulate) => {
      await using queue = await withLimit(20_000, emulate);
      const large = mail({ payload: "x".repeat(15_000) });
      await queue.send("jobs", large);
      await expect(queue.send("jobs", mail({ payload: "x".repeat(16_000) }))).rejects.toMatchObject({
        code: "too_large",
        message: expect.stringMatching(/queue "jobs" takes 15904,.* 4096 are reserved/) as string,
      });
    },
  );

  test("takes small messages even if its limit is smaller than the room for a dead letter", async () => {
    await using queue = await withLimit(1_024);
    await queue.send("jobs", mail());
    await expect(queue.send("jobs", mail({ payload: "x".repeat(512) }))).rejects.toMatchObject({
      code: "too_large",
    });
  });

  test("states it when it is described, and the smaller limit of the provider otherwise", async () => {
    await using small = await withLimit(20_000, "sqs");
    expect((await small.describe("jobs")).limits.maxMessageBytes).toBe(20_000);
    await using large = await withLimit(2 ** 30, "sqs");
    expect((await large.describe("jobs")).limits.maxMessageBytes).toBe(1_048_576);
  });
});
