import { describe, expect, test } from "vitest";
import { DriverError } from "../../../src/driver/error.ts";
import { channels, type SendEvent } from "../../../src/diagnostics.ts";
import type { Message, NewMessage } from "../../../src/message/message.ts";
import { Door, QueueFixture, SECOND, watch } from "../support.ts";

const mail = (fields: Partial<NewMessage> = {}): NewMessage => ({ type: "mail", payload: {}, ...fields });

/** A schema that answers when the door opens. */
const slowSchema = (door: Door): NonNullable<NewMessage["schema"]> => ({
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => door.opened.then(() => ({ value })),
  },
});

describe("the first message to a queue", () => {
  const unavailable = (): Promise<never> => Promise.reject(new DriverError("transient", "it is away"));

  test("is sent when an unavailable provider is back", async () => {
    const fixture = new QueueFixture({ queues: ["jobs"] });
    const describeQueue = fixture.driver.describe.bind(fixture.driver);
    fixture.driver.describe = unavailable;
    const sent = watch(fixture.queue.send("jobs", mail()));
    await fixture.clock.advance(2 * SECOND);
    expect(sent.state).toBe("pending");

    fixture.driver.describe = describeQueue;
    await fixture.clock.advance(5 * SECOND);
    expect(sent.state).toBe("resolved");
    expect(await fixture.peek("jobs")).toHaveLength(1);
  });

  test("fails at its deadline if the provider refuses or does not answer", async () => {
    for (const describeQueue of [unavailable, () => new Promise<never>(() => {})]) {
      const fixture = new QueueFixture();
      fixture.driver.describe = describeQueue;
      const sent = watch(fixture.queue.send("jobs", mail(), { deadlineMs: 12_000 }));
      await fixture.clock.advance(12_000);

      expect(sent.error).toMatchObject({ code: "send_failed", retryable: true, queue: "jobs" });
    }
  });

  test("stops waiting for the provider if the signal of the user aborts", async () => {
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

  test("is refused immediately if the queue does not exist", async () => {
    const fixture = new QueueFixture({ emulate: "sqs" });
    const sent = watch(fixture.queue.send("jobs", mail()));
    await fixture.clock.settle();

    expect(sent.error).toMatchObject({ code: "not_found", queue: "jobs" });
  });
});

describe("a message that is being sent", () => {
  const bodies = (fixture: QueueFixture): unknown[] =>
    fixture.requests
      .flatMap((point) => (point.operation === "send" ? point.messages : []))
      .map(({ body }) => (JSON.parse(String(body)) as Message).payload);

  test("keeps its payload if the caller changes the object before the provider has described the queue", async () => {
    const fixture = new QueueFixture();
    const message = { type: "mail", payload: { n: 0 } };
    const sends = [1, 2, 3].map((n) => {
      message.payload.n = n;
      return fixture.queue.send("jobs", message);
    });
    await Promise.all(sends);

    expect(bodies(fixture)).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test("keeps its payload if the caller changes the object while the schema validates it", async () => {
    const fixture = new QueueFixture();
    const door = new Door();
    const payload = { n: 1 };
    const sent = watch(fixture.queue.send("jobs", mail({ payload, schema: slowSchema(door) })));
    payload.n = 2;
    door.open();
    await fixture.clock.settle();

    expect(sent.state).toBe("resolved");
    expect(bodies(fixture)).toEqual([{ n: 1 }]);
  });
});

test("a schema that does not answer fails the send at its deadline, and does not delay close", async () => {
  const fixture = new QueueFixture();
  const schema = slowSchema(new Door());
  const sent = watch(fixture.queue.send("jobs", mail({ schema }), { deadlineMs: 5 * SECOND }));
  const closed = watch(fixture.queue.close());
  await fixture.clock.advance(5 * SECOND);

  expect(sent.error).toMatchObject({ code: "send_timeout" });
  expect(closed.state).toBe("resolved");
});

describe("a batch", () => {
  test("returns one outcome for each message, in order, and an invalid message fails alone", async () => {
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

  test("returns outcomes for missing and unreadable messages too, and does not delay close", async () => {
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

  test("keeps its order if one message takes longer to be validated", async () => {
    const fixture = new QueueFixture({ emulate: "sqs", queues: ["jobs.fifo"] });
    const door = new Door();
    const key = { orderingKey: "k" };
    const sent = watch(
      fixture.queue.sendBatch("jobs.fifo", [
        mail({ id: "1", ...key, schema: slowSchema(door) }),
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

  test("publishes a failure only for the message that the provider refused", async () => {
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
