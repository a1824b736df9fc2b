import { describe, expect, test, vi } from "vitest";
import type { NewMessage } from "../../../src/message/message.ts";
import { completeMessage } from "../../../src/message/new-message.ts";

const NOW = Date.UTC(2026, 0, 1);
const job = (fields: object): NewMessage => ({ type: "mail", payload: {}, ...fields });

describe("a message with a type and a payload only", () => {
  test("gets an id, the time and the defaults", () => {
    const message = completeMessage(job({}), NOW);

    expect(message).toMatchObject({ type: "mail", payload: {}, headers: {}, maxAttempts: 5 });
    expect(message.createdAt).toEqual(new Date(NOW));
    expect(message.scheduledAt).toBeUndefined();
    expect(message.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("never gets the id of another message", () => {
    const ids = new Set(Array.from({ length: 2_000 }, () => completeMessage(job({}), NOW).id));
    expect(ids.size).toBe(2_000);
  });

  test("has the due time of its delay as scheduledAt", () => {
    expect(completeMessage(job({}), NOW, NOW + 5).scheduledAt).toEqual(new Date(NOW + 5));
  });
});

describe("a field that the sender gives", () => {
  test("is kept as it is", () => {
    const given = {
      id: "order-1",
      headers: { tenant: "t1" },
      maxAttempts: 1,
      backoff: { baseMs: 5 },
      orderingKey: "k",
      trace: { traceparent: "00-1-2-01", tracestate: "a=b" },
      priority: "critical",
      tenant: "acme",
    };
    expect(completeMessage(job(given), NOW)).toMatchObject(given);
  });

  test("is accepted up to its size limit", () => {
    expect(completeMessage(job({ type: "t".repeat(256), id: "i".repeat(128) }), NOW).type).toHaveLength(256);
  });
});

test.each([
  ["null", null, "invalid_message"],
  ["a missing type", { payload: 1 }, "invalid_message"],
  ["an empty type", job({ type: "" }), "invalid_message"],
  ["a type that is not a string", job({ type: 7 }), "invalid_message"],
  ["a type of 257 bytes", job({ type: `${"t".repeat(255)}é` }), "invalid_message"],
  ["a type with a control character", job({ type: "a\nb" }), "invalid_message"],
  ["an ordering key with half of a surrogate pair", job({ orderingKey: "a\ud800" }), "invalid_message"],
  ["an ordering key with the mark of the core's keys", job({ orderingKey: "qp-own:1" }), "invalid_message"],
  ["an empty id", job({ id: "" }), "invalid_message"],
  ["an id of 129 bytes", job({ id: "i".repeat(129) }), "invalid_message"],
  ["a maximum of 0 attempts", job({ maxAttempts: 0 }), "invalid_message"],
  ["a maximum of 1.5 attempts", job({ maxAttempts: 1.5 }), "invalid_message"],
  ["an infinite number of attempts", job({ maxAttempts: Number.POSITIVE_INFINITY }), "invalid_message"],
  ["an empty ordering key", job({ orderingKey: "" }), "invalid_message"],
  ["an empty dedupId", job({ dedupId: "" }), "invalid_message"],
  ["an unknown priority", job({ priority: "urgent" }), "invalid_message"],
  ["a priority that is a number", job({ priority: 1 }), "invalid_message"],
  ["an empty tenant", job({ tenant: "" }), "invalid_message"],
  ["a tenant of 129 bytes", job({ tenant: "t".repeat(129) }), "invalid_message"],
  ["a tenant with a control character", job({ tenant: "a\n" }), "invalid_message"],
  ["a trace without parent", job({ trace: {} }), "invalid_message"],
  ["a backoff that shrinks", job({ backoff: { factor: 0.5 } }), "invalid_options"],
  ["headers that are a Map", job({ headers: new Map([["a", "b"]]) }), "invalid_headers"],
  ["headers that are Headers", job({ headers: new Headers({ a: "b" }) }), "invalid_headers"],
  ["headers that are a list", job({ headers: [] }), "invalid_headers"],
  ["a header that is not a string", job({ headers: { n: 1 } }), "invalid_headers"],
  ["a header without a name", job({ headers: { "": "x" } }), "invalid_headers"],
])("completeMessage refuses %s", (_, input, code) => {
  expect(() => completeMessage(input as NewMessage, NOW)).toThrow(expect.objectContaining({ code }));
});

test("a value that cannot be printed is refused with a readable error", () => {
  expect(() => completeMessage(job({ type: Object.create(null) }), NOW)).toThrow(
    expect.objectContaining({
      code: "invalid_message",
      message: expect.stringContaining("unprintable") as string,
    }),
  );
});

test("the first message of a process is checked too", async () => {
  vi.resetModules();
  const fresh = await import("../../../src/message/new-message.ts");

  expect(() => fresh.completeMessage({ payload: 1 } as never, NOW)).toThrow("type");
});

describe("a key that a message does not have", () => {
  test.each([
    [{ max_attempts: 3 }, 'A message has no key "max_attempts"; did you mean maxAttempts?'],
    [{ delay: "5m" }, "delay is an option of the send, not of the message: send(queue, message, { delay })."],
    [{ customer: "acme" }, 'A message has no key "customer"; put your own data into payload or headers.'],
  ])("is refused, since it would have no effect: %o", (fields, message) => {
    expect(() => completeMessage(job(fields), NOW)).toThrow(
      expect.objectContaining({ code: "invalid_message", message }),
    );
  });

  test("is accepted if it is undefined, and so is each key of a received message", () => {
    const received = { createdAt: new Date(), scheduledAt: new Date(), attributes: {} };
    expect(() => completeMessage(job({ tenant: undefined, ...received }), NOW)).not.toThrow();
    expect(() => completeMessage({ ...completeMessage(job({}), NOW) }, NOW)).not.toThrow();
  });
});

test("a copy of a message has its priority and its tenant, and a message without them has no such keys", () => {
  const labels = { priority: "low", tenant: "acme" };
  expect({ ...completeMessage(job(labels), NOW) }).toMatchObject(labels);
  expect(Object.keys(completeMessage(job({}), NOW))).not.toContain("priority");
  expect(Object.keys(completeMessage(job({}), NOW))).not.toContain("tenant");
});

test("the error of an unknown priority names the known ones", () => {
  expect(() => completeMessage(job({ priority: "urgent" }), NOW)).toThrow(
    'The priority of a message is one of low, normal, high, critical; got "urgent".',
  );
});
