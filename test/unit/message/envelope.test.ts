import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attributes, Body } from "../../../src/driver/contract.ts";
import { decode, type Decoded } from "../../../src/message/decode.ts";
import { encode } from "../../../src/message/envelope.ts";
import { PRIORITIES } from "../../../src/message/job-labels.ts";
import type { Message, NewMessage } from "../../../src/message/message.ts";
import { completeMessage } from "../../../src/message/new-message.ts";
import { delivery } from "../support.ts";

const NOW = Date.UTC(2026, 0, 1);

function read(body: Body, attributes: Attributes = {}): Decoded {
  return decode(delivery({ body, attributes, enqueuedAt: NOW - 1 }), NOW);
}

function messageOf(decoded: Decoded): Message {
  if (!decoded.ok) throw new Error(decoded.problem);
  return decoded.message;
}

/** True for a problem with a reason, and for a message that a handler can take. */
function isSound(decoded: Decoded): boolean {
  if (!decoded.ok) return decoded.problem !== "";
  const { id, type, maxAttempts, createdAt } = decoded.message;
  const named = typeof id === "string" && id !== "" && typeof type === "string" && type !== "";
  const counted = maxAttempts >= 1 && decoded.system.attempt >= 0;
  return named && counted && !Number.isNaN(createdAt.getTime());
}

const problemOf = (decoded: Decoded): string => (decoded.ok ? "none" : decoded.problem);
const json = (fields: object): string => JSON.stringify({ type: "mail", payload: 1, ...fields });

describe("a message that is encoded and decoded", () => {
  const printable = fc.string({ minLength: 1, maxLength: 30, unit: "grapheme" });
  const name = printable.filter((text) => !/\p{Cc}/u.test(text));
  // JSON turns a negative zero into 0.
  const payload = fc
    .jsonValue({ noUnicodeString: false })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  const newMessage = fc.record(
    {
      type: name,
      payload,
      id: name,
      headers: fc.dictionary(printable, fc.string({ unit: "binary" }), { maxKeys: 4 }),
      maxAttempts: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      backoff: fc.record(
        {
          baseMs: fc.nat(),
          factor: fc.double({ min: 1, max: 10, noNaN: true }),
          capMs: fc.nat(),
          jitter: fc.boolean(),
        },
        { requiredKeys: [] },
      ),
      trace: fc.record({ traceparent: name, tracestate: name }, { requiredKeys: ["traceparent"] }),
      priority: fc.constantFrom(...PRIORITIES),
      tenant: name.filter((text) => Buffer.byteLength(text) <= 128),
    },
    { requiredKeys: ["type", "payload"] },
  );

  test("equals the original, from text and from bytes", () => {
    const due = fc.option(fc.integer({ min: NOW, max: NOW + 1e12 }), { nil: undefined });
    fc.assert(
      fc.property(newMessage, due, fc.boolean(), (input, scheduledAt, asBytes) => {
        const message = completeMessage(input as NewMessage, NOW, scheduledAt);
        const { body, attributes } = encode(message);

        const back = read(asBytes ? Buffer.from(body) : body, attributes);

        expect(messageOf(back)).toEqual(message);
        expect(back).toMatchObject({ system: { attempt: 0, redrive: 0 } });
      }),
      { numRuns: 300 },
    );
  });
});

describe("decode", () => {
  const qp = fc.constantFrom(
    "qp_attempt",
    "qp_not_before",
    "qp_unknown_since",
    "qp_redrive",
    "type",
    "Type",
    "traceparent",
  );
  const attributes = fc.dictionary(fc.oneof(qp, fc.string()), fc.string({ unit: "binary" }), { maxKeys: 5 });
  const field = fc.constantFrom(
    "id",
    "type",
    "payload",
    "headers",
    "max_attempts",
    "created_at",
    "scheduled_at",
    "backoff",
  );
  const nasty = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      { toString: 1 },
      { toString: 1, valueOf: 1 },
      1e308,
      -1,
      "",
      [],
      { base_ms: "x" },
      { factor: 0 },
    ),
  );
  const body: fc.Arbitrary<Body> = fc.oneof(
    fc.uint8Array(),
    fc.string({ unit: "binary" }),
    fc.json(),
    fc.dictionary(field, nasty).map((fields) => JSON.stringify(fields)),
  );

  test("returns a message or a problem for any body, and never throws", () => {
    fc.assert(
      fc.property(body, attributes, (bytes, given) => {
        const decoded = read(bytes, given);
        expect(isSound(decoded)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["an id that cannot be printed", json({ id: { toString: 1 } }), "id must be"],
    [
      "an id that is nested too deep to be printed",
      `{"type":"a","id":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      "id must be",
    ],
    ["a body that is not JSON", "{", "not JSON"],
    ["a body that is not UTF-8", new Uint8Array([0xff, 0xfe]), "not JSON: its bytes are not UTF-8"],
    ["a body with a mistake", '{"type":"a" 1}', "not JSON: the mistake is at character 12"],
    ["an empty body", "", "not JSON"],
    ["a missing type", "{}", "no type"],
    ["an empty type", json({ type: "" }), "no type"],
    ["a type that is not a string", json({ type: 1 }), "no type"],
    ["an empty id", json({ id: "" }), "id must be"],
    ["a maximum of 0 attempts", json({ max_attempts: 0 }), "max_attempts"],
    ["a time that is not a date", json({ created_at: "yesterday" }), "created_at"],
    ["a time that is a number", json({ scheduled_at: 1 }), "scheduled_at"],
    ["headers that are a list", json({ headers: [] }), "headers"],
    ["a header that is a number", json({ headers: { a: 1 } }), "header"],
    ["a backoff that shrinks", json({ backoff: { factor: 0 } }), "backoff.factor"],
    ["an infinite backoff", '{"type":"a","payload":1,"backoff":{"cap_ms":1e999}}', "backoff.cap_ms"],
  ])("reports %s as a problem", (_, bytes, problem) => {
    expect(problemOf(read(bytes))).toContain(problem);
  });

  test.each([
    ["a body that is not JSON", "pin=4711-secret", {}],
    ["a body that breaks off", '{"type":"a","payload":"4711-secret', {}],
    ["a body that resembles the engine's message", "4711 in JSON at position 4711", {}],
    ["a body that goes on", '{"type":"a","payload":"x"}4711-secret', {}],
    ["an id of the wrong kind", json({ id: ["4711-secret"] }), {}],
    ["a maximum of attempts that is a string", json({ max_attempts: "4711-secret" }), {}],
    ["a time that is no time", json({ created_at: "4711-secret" }), {}],
    ["headers that are a string", json({ headers: "4711-secret" }), {}],
    ["a header of the wrong kind", json({ headers: { name: ["4711-secret"] } }), {}],
    ["a backoff that is a string", json({ backoff: { base_ms: "4711-secret" } }), {}],
    ["a number of attempts that is no number", json({}), { qp_attempt: "4711-secret" }],
  ])("quotes nothing of %s", (_, bytes, given) => {
    const problem = problemOf(read(bytes, given));

    expect(problem).not.toBe("none");
    expect(problem).not.toMatch(/47|sec/);
  });

  test.each(["-1", "1.5", "1e3", "", "x", "99999999999999999"])(
    "reports the attempt %j as a problem",
    (value) => {
      expect(problemOf(read(json({}), { qp_attempt: value }))).toContain("qp_attempt");
    },
  );
});

describe("a body that another system wrote", () => {
  test("needs only a type and a payload", () => {
    const message = messageOf(read('{"type":"mail","payload":{"a":1},"attempts":7}'));

    expect(message).toMatchObject({ id: "b1", type: "mail", payload: { a: 1 }, maxAttempts: 5 });
    expect(message.createdAt).toEqual(new Date(NOW - 1));
  });

  test("may write null for a missing field", () => {
    const fields = {
      type: null,
      id: null,
      headers: null,
      max_attempts: null,
      backoff: null,
      created_at: null,
    };
    const message = messageOf(read(JSON.stringify({ ...fields, payload: 1 }), { type: "mail" }));

    expect(message).toMatchObject({ id: "b1", type: "mail", payload: 1, headers: {}, maxAttempts: 5 });
    expect(message.backoff).toBeUndefined();
  });

  test("is the payload as a whole if only an attribute names the type", () => {
    expect(messageOf(read("[1,2]", { Type: "list" }))).toMatchObject({ type: "list", payload: [1, 2] });
    expect(messageOf(read('{"a":1}', { type: "thing" }))).toMatchObject({ payload: { a: 1 } });
  });

  test("takes precedence over attributes, except for those that begin with qp_", () => {
    const decoded = read(json({ type: "body", id: "1" }), {
      type: "attribute",
      qp_attempt: "3",
      qp_redrive: "2",
    });

    expect(messageOf(decoded).type).toBe("body");
    expect(decoded).toMatchObject({ system: { attempt: 3, redrive: 2 } });
  });
});

describe("the attributes of a message", () => {
  const attributes = { type: "mail", tenant: "t1", qp_attempt: "2", traceparent: "00-1-2-01" };

  test("are visible to its handler, without those of queueport", () => {
    const message = messageOf(read(json({}), attributes));

    expect(message.attributes).toEqual({ type: "mail", tenant: "t1", traceparent: "00-1-2-01" });
  });

  test("are visible where queueport has packed them", () => {
    const message = messageOf(read(json({}), { qp_folded: '{"tenant":"t1","area":"b"}', colour: "red" }));

    expect(message.attributes).toEqual({ tenant: "t1", area: "b", colour: "red" });
  });

  test("cannot be changed, and are no part of a copy of the message", () => {
    const message = messageOf(read(json({}), attributes));

    expect(() => Object.assign(message.attributes, { tenant: "t2" })).toThrow(TypeError);
    expect(Object.keys({ ...message })).not.toContain("attributes");
    expect(attributes.tenant).toBe("t1");
  });

  test("are none on a message that is being sent", () => {
    expect(completeMessage({ type: "mail", payload: 1 }, NOW).attributes).toEqual({});
  });
});
