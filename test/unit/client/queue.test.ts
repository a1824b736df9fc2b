import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { DriverError } from "../../../src/driver/error.ts";
import { channels, type SendEvent } from "../../../src/diagnostics.ts";
import type { Message, NewMessage } from "../../../src/message/message.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Door, never, SECOND, Stage, watch } from "../support.ts";

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
    const { queue } = new Stage();
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
    const stage = new Stage();
    for (const delay of [undefined, {}, { days: undefined }, new Date(stage.clock.now() + SECOND)]) {
      await expect(stage.queue.sendDelayed("jobs", mail(), delay as never)).rejects.toEqual(
        invalid("invalid_delay"),
      );
    }
    expect(await stage.peek("jobs")).toEqual([]);
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
    await expect(new Stage().queue.cancel("made up")).rejects.toThrow(
      'Could not cancel a delayed message (memory): The handle "made up" was not returned by a send of this driver.',
    );
  });
});

describe("a provider that is away when the first message is sent", () => {
  const away = (): Promise<never> => Promise.reject(new DriverError("transient", "it is away"));

  test("is asked again, and the message is sent when it is back", async () => {
    const stage = new Stage({ queues: ["jobs"] });
    const describeQueue = stage.driver.describe.bind(stage.driver);
    stage.driver.describe = away;
    const sent = watch(stage.queue.send("jobs", mail()));
    await stage.clock.advance(2 * SECOND);
    expect(sent.state).toBe("pending");
    stage.driver.describe = describeQueue;
    await stage.clock.advance(5 * SECOND);
    expect(sent.state).toBe("resolved");
    expect(await stage.peek("jobs")).toHaveLength(1);
  });

  test("by the deadline the message was not sent, whether it refuses or does not answer", async () => {
    for (const describeQueue of [away, () => new Promise<never>(() => {})]) {
      const stage = new Stage();
      stage.driver.describe = describeQueue;
      const sent = watch(stage.queue.send("jobs", mail(), { deadlineMs: 12_000 }));
      await stage.clock.advance(12_000);
      expect(sent.error).toMatchObject({ code: "send_failed", retryable: true, queue: "jobs" });
    }
  });

  test("the user's signal ends the wait", async () => {
    const stage = new Stage();
    stage.driver.describe = () => new Promise<never>(() => {});
    const stop = new AbortController();
    const sent = watch(stage.queue.send("jobs", mail(), { signal: stop.signal }));
    await stage.clock.settle();
    const reason = new Error("enough");
    stop.abort(reason);
    await stage.clock.settle();
    expect(sent.error).toBe(reason);
  });

  test("a queue that does not exist is refused at once", async () => {
    const stage = new Stage({ emulate: "sqs" });
    const sent = watch(stage.queue.send("jobs", mail()));
    await stage.clock.settle();
    expect(sent.error).toMatchObject({ code: "not_found", queue: "jobs" });
  });
});

describe("what is sent is what was given", () => {
  const bodies = (stage: Stage): unknown[] =>
    stage.requests
      .flatMap((point) => (point.operation === "send" ? point.messages : []))
      .map(({ body }) => (JSON.parse(String(body)) as Message).payload);

  test("although its object is used again, while the queue is asked what it can do", async () => {
    const stage = new Stage();
    const message = { type: "mail", payload: { n: 0 } };
    const sends = [1, 2, 3].map((n) => {
      message.payload.n = n;
      return stage.queue.send("jobs", message);
    });
    await Promise.all(sends);
    expect(bodies(stage)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test("also while its schema takes its time", async () => {
    const stage = new Stage();
    const door = new Door();
    const payload = { n: 1 };
    const sent = watch(stage.queue.send("jobs", mail({ payload, schema: slowly(door) })));
    payload.n = 2;
    door.open();
    await stage.clock.settle();
    expect(sent.state).toBe("resolved");
    expect(bodies(stage)).toEqual([{ n: 1 }]);
  });
});

test("a schema that does not answer ends at the deadline, and does not hold up close", async () => {
  const stage = new Stage();
  const schema = slowly(new Door());
  const sent = watch(stage.queue.send("jobs", mail({ schema }), { deadlineMs: 5 * SECOND }));
  const closed = watch(stage.queue.close());
  await stage.clock.advance(5 * SECOND);
  expect(sent.error).toMatchObject({ code: "send_timeout" });
  expect(closed.state).toBe("resolved");
});

describe("a batch", () => {
  test("has one outcome a message, in their order; what is wrong with one concerns that one alone", async () => {
    const stage = new Stage();
    const outcomes = await stage.queue.sendBatch("jobs", [
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
    expect(await stage.peek("jobs")).toHaveLength(2);
  });

  test("does so too where there is none, or one that cannot be read; and none of it holds up close", async () => {
    const stage = new Stage();
    const messages: NewMessage[] = [];
    messages[1] = mail({ id: "2" });
    messages[2] = Object.defineProperty(mail(), "id", {
      get() {
        throw new Error("no id");
      },
    });
    const sent = watch(stage.queue.sendBatch("jobs", messages));
    const closed = watch(stage.queue.close());
    await stage.clock.settle();
    expect(sent.value).toMatchObject([
      { ok: false, error: { code: "invalid_message" } },
      { ok: true, id: "2" },
      { ok: false, id: undefined, error: { code: "send_failed" } },
    ]);
    expect(closed.state).toBe("resolved");
  });

  test("keeps its order, also where one message takes its time to be validated", async () => {
    const stage = new Stage({ emulate: "sqs", queues: ["jobs.fifo"] });
    const door = new Door();
    const key = { orderingKey: "k" };
    const sent = watch(
      stage.queue.sendBatch("jobs.fifo", [
        mail({ id: "1", ...key, schema: slowly(door) }),
        mail({ id: "2", ...key }),
      ]),
    );
    await stage.clock.settle();
    door.open();
    await stage.clock.settle();
    expect(sent.state).toBe("resolved");
    const ids = stage.requests.flatMap((point) => (point.operation === "send" ? point.messages : []));
    expect(ids.map(({ body }) => (JSON.parse(String(body)) as Message).id)).toEqual(["1", "2"]);
  });

  test("one that the provider refuses fails alone, and so says the channel", async () => {
    const stage = new Stage();
    stage.fault = ({ operation }) =>
      operation === "send"
        ? { kind: "fail_entries", indexes: [1], error: new DriverError("permanent", "no") }
        : undefined;
    const events: SendEvent[] = [];
    const onSend = (event: unknown): void => void events.push(event as SendEvent);
    channels.send.subscribe(onSend);
    const outcomes = await stage.queue.sendBatch("jobs", [mail({ id: "1" }), mail({ id: "2" })]);
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
    const stage = new Stage({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = watch(stage.queue.sendDelayed("jobs.fifo", mail(), { minutes: 5 }));
    await stage.clock.settle();
    expect(sent.error).toBeUndefined();
    expect(await stage.peek("jobs-delay.fifo")).toHaveLength(1);
    const times: number[] = [];
    void stage.queue.receive("jobs.fifo", () => Promise.resolve(void times.push(stage.clock.now())));
    const due = stage.clock.now() + 300_000;
    await stage.clock.advance(310_000);
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThanOrEqual(due);
    expect(times[0]).toBeLessThanOrEqual(due + 2 * SECOND);
  });

  test("with one is refused", async () => {
    const stage = new Stage({ emulate: "sqs", queues: ["jobs.fifo"] });
    const sent = stage.queue.sendDelayed("jobs.fifo", mail({ orderingKey: "k" }), { minutes: 5 });
    await expect(sent).rejects.toMatchObject({ code: "not_supported" });
  });
});

describe("close", () => {
  test("sends what was given before, and refuses what comes after", async () => {
    const stage = new Stage({ queues: ["jobs"] });
    const door = new Door();
    const other = stage.driver.describe.bind(stage.driver);
    stage.driver.describe = (queue) => door.opened.then(() => other(queue));
    const outcomes: boolean[] = [];
    const close = stage.driver.close.bind(stage.driver);
    stage.driver.close = () => {
      outcomes.push(sent.state === "resolved");
      return close();
    };
    const sent = watch(stage.queue.send("jobs", mail()));
    const closed = watch(stage.queue.close());
    await expect(stage.queue.send("jobs", mail())).rejects.toMatchObject({ code: "closed" });
    await stage.clock.settle();
    expect(closed.state).toBe("pending");
    door.open();
    await stage.clock.settle();
    expect([sent.state, closed.state, outcomes]).toEqual(["resolved", "resolved", [true]]);
  });

  test("drains receivers, and is the same the second time", async () => {
    const stage = new Stage();
    await stage.queue.send("jobs", mail());
    const door = new Door();
    const received = watch(stage.queue.receive("jobs", () => door.opened));
    await stage.clock.settle();
    const closed = watch(stage.queue.close());
    await stage.clock.settle();
    expect([received.state, closed.state]).toEqual(["pending", "pending"]);
    door.open();
    await stage.clock.settle();
    expect([received.state, closed.state]).toEqual(["resolved", "resolved"]);
    await stage.queue.close();
    expect(stage.clock.pending).toBe(0);
  });
});

test("a signal that has aborted: nothing is done", async () => {
  const stage = new Stage();
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(stage.queue.send("jobs", mail(), { signal })).rejects.toThrow("enough");
  await expect(stage.queue.sendBatch("jobs", [mail()], { signal })).rejects.toThrow("enough");
  await expect(stage.queue.receive("jobs", () => Promise.resolve(), { signal })).rejects.toThrow("enough");
  expect(stage.requests).toEqual([]);
  expect(never.aborted).toBe(false);
});
