import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { channels, type SendEvent } from "../../../src/diagnostics.ts";
import type { Message, NewMessage } from "../../../src/message/message.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, never, SECOND, QueueFixture, watch } from "../support.ts";

const mail = (fields: Partial<NewMessage> = {}): NewMessage => ({ type: "mail", payload: {}, ...fields });
/** A schema that takes its time. */
const slowly = (door: Door): NonNullable<NewMessage["schema"]> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => door.opened.then(() => ({ value })),
  },
});

describe("what JavaScript lets through and types do not", () => {
  const invalid = (code: string): object => expect.objectContaining({ code }) as object;

  test("is refused in a sentence of ours", async () => {
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

  test("a delay that is missing is no delay of 0", async () => {
    const fixture = new QueueFixture();

    for (const delay of [undefined, {}, { days: undefined }, new Date(fixture.clock.now() + SECOND)]) {
      await expect(fixture.queue.sendDelayed("jobs", mail(), delay as never)).rejects.toEqual(
        invalid("invalid_delay"),
      );
    }
    expect(await fixture.peek("jobs")).toEqual([]);
  });

  test("a clock for the driver is one for its queue; two that differ would wait for ever", () => {
    const clock = new FakeClock();

    expect(createQueue(memory({ clock })).clock).toBe(clock);
    expect(createQueue(memory({ clock }), { clock }).clock).toBe(clock);
    for (const driver of [memory(), memory({ clock: new FakeClock() })]) {
      expect(() => createQueue(driver, { clock })).toThrow(
        expect.objectContaining({ code: "invalid_options" }),
      );
    }
  });

  test("a handle that nobody gave is named, and no queue beside it", async () => {
    await expect(new QueueFixture().queue.cancel("made up")).rejects.toThrow(
      'Could not cancel a delayed message (memory): The handle "made up" was not returned by a send of this driver.',
    );
  });
});

describe("a provider that is away when the first message is sent", () => {
  const away = (): Promise<never> => Promise.reject(new DriverError("transient", "it is away"));

  test("is asked again, and the message is sent when it is back", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = away;
    const sent = watch(fixture.queue.send("jobs", mail()));
    await fixture.clock.advance(2 * SECOND);
    expect(sent.state).toBe("pending");

    fixture.driver.describe = describeQueue;
    await fixture.clock.advance(5 * SECOND);
    expect(sent.state).toBe("resolved");
    expect(await fixture.peek("jobs")).toHaveLength(1);
  });

  test("by the deadline the message was not sent, whether it refuses or does not answer", async () => {
    for (const describeQueue of [away, () => new Promise<never>(() => {})]) {
      const fixture = new QueueFixture();
      fixture.driver.describe = describeQueue;
      const sent = watch(fixture.queue.send("jobs", mail(), { deadlineMs: 12_000 }));
      await fixture.clock.advance(12_000);
      expect(sent.error).toMatchObject({ code: "send_failed", retryable: true, queue: "jobs" });
    }
  });

  test("the user's signal ends the wait", async () => {
    const fixture = new QueueFixture();
    fixture.driver.describe = () => new Promise<never>(() => {});
    const stop = new AbortController();
    const sent = watch(fixture.queue.send("jobs", mail(), { signal: stop.signal }));
    await fixture.clock.settle();
    const reason = new Error("enough");
    stop.abort(reason);
    await fixture.clock.settle();

    expect(sent.error).toBe(reason);
  });

  test("a queue that does not exist is refused at once", async () => {
    const fixture = new QueueFixture({ emulate: "sqs" });
    const sent = watch(fixture.queue.send("jobs", mail()));
    await fixture.clock.settle();

    expect(sent.error).toMatchObject({ code: "not_found", queue: "jobs" });
  });
});

describe("what is sent is what was given", () => {
  const bodies = (fixture: QueueFixture): unknown[] =>
    fixture.requests
      .flatMap((point) => (point.operation === "send" ? point.messages : []))
      .map(({ body }) => (JSON.parse(String(body)) as Message).payload);

  test("although its object is used again, while the queue is asked what it can do", async () => {
    const fixture = new QueueFixture();
    const message = { type: "mail", payload: { n: 0 } };
    const sends = [1, 2, 3].map((n) => {
      message.payload.n = n;
      return fixture.queue.send("jobs", message);
    });
    await Promise.all(sends);

    expect(bodies(fixture)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test("also while its schema takes its time", async () => {
    const fixture = new QueueFixture();
    const door = new Door();
    const payload = { n: 1 };
    const sent = watch(fixture.queue.send("jobs", mail({ payload, schema: slowly(door) })));
    payload.n = 2;
    door.open();
    await fixture.clock.settle();

    expect(sent.state).toBe("resolved");
    expect(bodies(fixture)).toEqual([{ n: 1 }]);
  });
});

test("a schema that does not answer ends at the deadline, and does not hold up close", async () => {
  const fixture = new QueueFixture();
  const schema = slowly(new Door());
  const sent = watch(fixture.queue.send("jobs", mail({ schema }), { deadlineMs: 5 * SECOND }));
  const closed = watch(fixture.queue.close());
  await fixture.clock.advance(5 * SECOND);

  expect(sent.error).toMatchObject({ code: "send_timeout" });
  expect(closed.state).toBe("resolved");
});

describe("a batch", () => {
  test("has one outcome a message, in their order; what is wrong with one concerns that one alone", async () => {
    const fixture = new QueueFixture();
    const outcomes = await fixture.queue.sendBatch("jobs", [
      mail({ id: "1" }),
      mail({ id: "2", maxAttempts: 0 }),
      undefined as unknown as NewMessage,
      mail({ id: "4" }),
    ]);

    expect(outcomes).toMatchObject([
      { ok: true, id: "1" },
      { ok: false, id: "2", error: { code: "invalid_message" } },
      { ok: false, id: undefined, error: { code: "invalid_message" } },
      { ok: true, id: "4" },
    ]);
    expect(await fixture.peek("jobs")).toHaveLength(2);
  });

  test("does so too where there is none, or one that cannot be read; and none of it holds up close", async () => {
    const fixture = new QueueFixture();
    const messages: NewMessage[] = [];
    messages[1] = mail({ id: "2" });
    messages[2] = Object.defineProperty(mail(), "id", {
      get() {
        throw new Error("no id");
      },
    });
    const sent = watch(fixture.queue.sendBatch("jobs", messages));
    const closed = watch(fixture.queue.close());
    await fixture.clock.settle();

    expect(sent.value).toMatchObject([
      { ok: false, error: { code: "invalid_message" } },
      { ok: true, id: "2" },
      { ok: false, id: undefined, error: { code: "send_failed" } },
    ]);
    expect(closed.state).toBe("resolved");
  });

  test("keeps its order, also where one message takes its time to be validated", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const door = new Door();
    const key = { orderingKey: "k" };
    const sent = watch(
      fixture.queue.sendBatch("jobs.fifo", [
        mail({ id: "1", ...key, schema: slowly(door) }),
        mail({ id: "2", ...key }),
      ]),
    );
    await fixture.clock.settle();
    door.open();
    await fixture.clock.settle();
    expect(sent.state).toBe("resolved");

    const ids = fixture.requests.flatMap((point) => (point.operation === "send" ? point.messages : []));
    expect(ids.map(({ body }) => (JSON.parse(String(body)) as Message).id)).toEqual(["1", "2"]);
  });

  test("one that the provider refuses fails alone, and so says the channel", async () => {
    const fixture = new QueueFixture();
    fixture.fault = ({ operation }) =>
      operation === "send"
        ? { kind: "fail_entries", indexes: [1], error: new DriverError("permanent", "no") }
        : undefined;
    const events: SendEvent[] = [];
    const onSend = (event: unknown): void => void events.push(event as SendEvent);
    channels.send.subscribe(onSend);
    const outcomes = await fixture.queue.sendBatch("jobs", [mail({ id: "1" }), mail({ id: "2" })]);
    channels.send.unsubscribe(onSend);

    expect(outcomes).toMatchObject([{ ok: true }, { ok: false, error: { code: "provider" } }]);
    expect(events.map(({ id, outcome }) => [id, outcome])).toEqual([
      ["1", "sent"],
      ["2", "failed"],
    ]);
  });
});

describe("a delay on an ordered queue", () => {
  test("without a key goes by the parking queue, which holds no delay of its own", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = watch(fixture.queue.sendDelayed("jobs.fifo", mail(), { minutes: 5 }));
    await fixture.clock.settle();
    expect(sent.error).toBeUndefined();
    expect(await fixture.peek("jobs-delay.fifo")).toHaveLength(1);

    const times: number[] = [];
    void fixture.queue.receive("jobs.fifo", () => Promise.resolve(void times.push(fixture.clock.now())));
    const due = fixture.clock.now() + 300_000;
    await fixture.clock.advance(310_000);
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThanOrEqual(due);
    expect(times[0]).toBeLessThanOrEqual(due + 2 * SECOND);
  });

  test("with one is refused", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = fixture.queue.sendDelayed("jobs.fifo", mail({ orderingKey: "k" }), { minutes: 5 });

    await expect(sent).rejects.toMatchObject({ code: "not_supported" });
  });
});

describe("close", () => {
  test("sends what was given before, and refuses what comes after", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    const door = new Door();
    const other = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = (queue) => door.opened.then(() => other(queue));
    const outcomes: boolean[] = [];
    const close = fixture.driver.close.bind(fixture.driver);
    fixture.driver.close = () => {
      outcomes.push(sent.state === "resolved");
      return close();
    };
    const sent = watch(fixture.queue.send("jobs", mail()));
    const closed = watch(fixture.queue.close());
    await expect(fixture.queue.send("jobs", mail())).rejects.toMatchObject({ code: "closed" });

    await fixture.clock.settle();
    expect(closed.state).toBe("pending");

    door.open();
    await fixture.clock.settle();
    expect([sent.state, closed.state, outcomes]).toEqual(["resolved", "resolved", [true]]);
  });

  test("drains receivers, and is the same the second time", async () => {
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

test("a signal that has aborted: nothing is done", async () => {
  const fixture = new QueueFixture();
  const signal = AbortSignal.abort(new Error("enough"));

  await expect(fixture.queue.send("jobs", mail(), { signal })).rejects.toThrow("enough");
  await expect(fixture.queue.sendBatch("jobs", [mail()], { signal })).rejects.toThrow("enough");
  await expect(fixture.queue.receive("jobs", () => Promise.resolve(), { signal })).rejects.toThrow("enough");
  expect(fixture.requests).toEqual([]);
  expect(never.aborted).toBe(false);
});
