import { describe, expect, test, vi } from "vitest";
import type { Attributes, Body } from "../../../src/driver/contract.ts";
import { decode, type Decoded } from "../../../src/message/decode.ts";
import type { Decoder, RawMessage } from "../../../src/message/decoder.ts";
import { WireFormat, type WireFormatOptions } from "../../../src/message/format.ts";
import { statesCreation } from "../../../src/message/complete-message.ts";
import { completeMessage } from "../../../src/message/new-message.ts";
import { delivery } from "../support.ts";

const NOW = Date.UTC(2026, 0, 1);

function read(options: WireFormatOptions, body: Body, attributes: Attributes = {}): Decoded {
  const reading = new WireFormat(options).readingOf("jobs");
  return decode(delivery({ body, attributes, enqueuedAt: NOW - 1 }), NOW, reading);
}

const never: Decoder = () => undefined;
const task: Decoder = ({ json }) => {
  const { task: type, args } = (json ?? {}) as { readonly task?: string; readonly args?: unknown };
  return type === undefined ? undefined : { type, payload: args ?? null };
};
const wrapped: Decoder = ({ json }) => {
  const { wrap, with: attributes } = (json ?? {}) as { readonly wrap?: string; readonly with?: Attributes };
  return wrap === undefined
    ? undefined
    : { unwrap: { body: wrap, attributes, id: "outer", createdAt: new Date(NOW - 60_000) } };
};

describe("a decoder", () => {
  test("reads a message before the envelope is looked for, with the defaults of the wire format", () => {
    const decoded = read({ decode: [never, task] }, '{"type":"x","payload":1,"task":"resize","args":[7]}');

    expect(decoded).toMatchObject({
      ok: true,
      message: { id: "b1", type: "resize", payload: [7], headers: {}, maxAttempts: 5 },
    });
    expect(decoded.message?.createdAt).toEqual(new Date(NOW - 1));
  });

  test("leaves a message that it does not know to the next one, and to the envelope", () => {
    expect(read({ decode: [never, task] }, '{"type":"x","payload":1}')).toMatchObject({
      message: { type: "x", payload: 1 },
    });
  });

  test("sees the body, the attributes, the queue and the id", () => {
    const seen: RawMessage[] = [];
    const look: Decoder = (raw) => void seen.push(raw);
    read({ decode: look }, '{"a":1}', { type: "x", colour: "red" });

    const [raw] = seen;
    expect(raw?.json).toEqual({ a: 1 });
    expect(raw?.json).toBe(raw?.json);
    expect(raw).toMatchObject({
      body: '{"a":1}',
      attributes: { type: "x", colour: "red" },
      queue: "jobs",
      brokerId: "b1",
    });
  });

  test.each<[string, Body]>([
    ["text that is not JSON", "hello"],
    ["bytes that are not UTF-8", Uint8Array.of(0xff)],
    ["nothing", ""],
  ])("sees no JSON in a body of %s, and may still read it", (_, body) => {
    const any: Decoder = ({ json }) => ({ type: "raw", payload: json === undefined ? "none" : "some" });
    expect(read({ decode: any }, body)).toMatchObject({ message: { type: "raw", payload: "none" } });
    expect(read({ decode: never }, body)).toMatchObject({
      ok: false,
      problem: expect.stringContaining("not JSON") as string,
    });
  });

  test("unwraps a message, for which all decoders are asked again, with the attributes of the inner message", () => {
    const inner = JSON.stringify({ task: "resize" });
    const outer = JSON.stringify({ wrap: inner, with: { traceparent: "00-1" } });
    const decoded = read({ decode: [task, wrapped] }, outer, { colour: "red" });

    expect(decoded).toMatchObject({
      message: { id: "outer", type: "resize", payload: null, trace: { traceparent: "00-1" } },
    });
    expect(decoded.message?.createdAt).toEqual(new Date(NOW - 60_000));
    expect(decoded.message?.attributes).toEqual({ traceparent: "00-1" });
  });

  test("unwraps an envelope, whose id and time take precedence over those of the outer one", () => {
    const inner = JSON.stringify({ id: "7", type: "x", payload: 1, created_at: "2026-01-02T00:00:00Z" });
    const decoded = read({ decode: wrapped }, JSON.stringify({ wrap: inner }), { qp_attempt: "2" });

    expect(decoded).toMatchObject({ message: { id: "7", type: "x", payload: 1 }, system: { attempt: 2 } });
    expect(decoded.message?.createdAt).toEqual(new Date("2026-01-02T00:00:00Z"));
  });

  test("cannot set the system attributes by an inner attribute", () => {
    const outer = JSON.stringify({ wrap: '{"task":"x"}', with: { qp_attempt: "4" } });
    expect(read({ decode: [wrapped, task] }, outer)).toMatchObject({ system: { attempt: 0 } });
  });

  test("unwraps at most eight times", () => {
    let unwrapped = 0;
    const endless: Decoder = ({ body }) => {
      unwrapped += 1;
      return { unwrap: { body } };
    };
    expect(read({ decode: endless }, "{}")).toMatchObject({ problem: "it is wrapped more than 8 times" });
    expect(unwrapped).toBe(9);
  });

  test("has a message ignored", () => {
    expect(read({ decode: () => "ignore" }, "{}")).toMatchObject({ ok: false, ignored: true });
  });

  test.each<[string, unknown, string]>([
    ["a promise", Promise.resolve({ type: "x", payload: 1 }), "a decoder is synchronous"],
    ["true", true, "a decoder is synchronous"],
    ["an empty type", { type: "", payload: 1 }, "no type"],
    ["no payload", { type: "x" }, "no payload"],
    ["a number as an id", { type: "x", payload: 1, id: 7 }, "id must be"],
    ["a header that is no string", { type: "x", payload: 1, headers: { a: 1 } }, "header"],
    ["no attempts", { type: "x", payload: 1, maxAttempts: 0 }, "max_attempts"],
    ["an invalid time", { type: "x", payload: 1, createdAt: new Date(Number.NaN) }, "createdAt"],
    ["a time as text", { type: "x", payload: 1, scheduledAt: "2026" }, "scheduledAt"],
    ["a backoff that shrinks", { type: "x", payload: 1, backoff: { factor: 0 } }, "factor"],
    ["an inner message without a body", { unwrap: {} }, "without a body"],
    ["nothing inside", { unwrap: null }, "without a body"],
  ])("that returns %s makes the message malformed", (_, answer, problem) => {
    expect(read({ decode: (() => answer) as Decoder }, "{}")).toMatchObject({
      ok: false,
      problem: expect.stringContaining(problem) as string,
    });
  });

  test("that throws makes the message malformed, with the sentence of the error", () => {
    const fails: Decoder = () => {
      throw new Error("the tenant is missing");
    };
    expect(read({ decode: fails }, "{}")).toMatchObject({
      ok: false,
      problem: expect.stringContaining("the tenant is missing") as string,
    });
  });

  test("that throws what JSON.parse throws does not quote the text", () => {
    const fails: Decoder = ({ attributes }) => JSON.parse(attributes["inner"] ?? "") as undefined;
    const decoded = read({ decode: fails }, "{}", { inner: "pin=4711" });

    expect(decoded).toMatchObject({ ok: false, problem: "a decoder could not parse a text" });
  });

  test("that is async makes the message malformed, and its failure does not end the process", async () => {
    const unhandled = vi.fn<() => void>();
    process.on("unhandledRejection", unhandled);
    const late = (async () => {
      throw new Error("no");
    }) as unknown as Decoder;

    expect(read({ decode: late }, "{}")).toMatchObject({
      ok: false,
      problem: expect.stringContaining("synchronous") as string,
    });
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("that unwraps a message with an id that is no string makes it malformed", () => {
    const unwrap = { body: '{"type":"x","payload":1}', id: 5 as unknown as string };
    const numbered: Decoder = ({ body }) => (body === "{}" ? { unwrap } : undefined);
    expect(read({ decode: numbered }, "{}").ok).toBe(false);
  });

  test("for a queue by name takes the place of those for the other queues", () => {
    const format = new WireFormat({ decode: { uploads: task, "*": [wrapped, never] } });

    expect(format.readingOf("uploads").decoders).toEqual([task]);
    expect(format.readingOf("mails").decoders).toEqual([wrapped, never]);
    expect(new WireFormat({ decode: { uploads: task } }).readingOf("constructor").decoders).toEqual([]);
    expect(new WireFormat({ decode: task }).readingOf("any").decoders).toEqual([task]);
  });
});

describe("a parser of JSON", () => {
  const parseJson = (text: string): unknown =>
    JSON.parse(text, (_, value: unknown, context?: { readonly source?: string }) =>
      typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
        ? BigInt(context?.source ?? "")
        : value,
    );

  test("keeps the digits of integers that JavaScript's numbers cannot hold", () => {
    const decoded = read({ parseJson }, '{"type":"x","payload":{"n":9007199254740993},"max_attempts":3}');
    expect(decoded).toMatchObject({ message: { payload: { n: 9007199254740993n }, maxAttempts: 3 } });
  });

  test("that throws makes the message malformed", () => {
    const strict = (): unknown => {
      throw new Error("no comments");
    };
    expect(read({ parseJson: strict }, "{}")).toMatchObject({
      ok: false,
      problem: expect.stringContaining("no comments") as string,
    });
  });
});

test("a parser that returns undefined makes the message malformed, not its payload null", () => {
  const forgetful = (text: string): unknown => void JSON.parse(text);
  expect(read({ parseJson: forgetful }, '{"payload":1}', { type: "x" })).toMatchObject({ ok: false });
});

describe("a CloudEvent", () => {
  const event = (fields: object): string =>
    JSON.stringify({ specversion: "1.0", id: "1", source: "/s", type: "x", ...fields });

  test.each(["%%%%", "eyJhIjoxfQ==x", "eyJh*joxfQ=="])(
    "with the data_base64 %s, which is not base64, is malformed",
    (data) => {
      expect(read({}, event({ data_base64: data }))).toMatchObject({
        ok: false,
        problem: expect.stringContaining("not base64") as string,
      });
    },
  );

  test("may have base64 without padding, of the other alphabet, and with line breaks", () => {
    for (const data of ["eyJhIjoxfQ", "eyJhIj\noxfQ==\n", "eyJhIjoxfQ=="])
      expect(read({}, event({ data_base64: data }))).toMatchObject({ message: { payload: { a: 1 } } });
  });

  test.each(['{"baseMs":"pin=4711"}', '{"pin=4711":1}', '{"factor":"pin=4711"}'])(
    "with the invalid backoff %s is malformed, and the value is not quoted",
    (backoff) => {
      const { ok, ...rest } = read({}, event({ qpbackoff: backoff }));
      expect(ok).toBe(false);
      expect(JSON.stringify(rest)).toContain("backoff");
      expect(JSON.stringify(rest)).not.toContain("4711");
    },
  );
});

describe("a payload that a codec has encoded", () => {
  const body = '{"id":"7","type":"x","payload":{"key":"k1"},"payload_encoding":"ref"}';
  const codec = { encode: () => undefined, decode: () => 1 };

  test("is read as it is, for the codec to decode before the run", () => {
    expect(read({ codec }, body)).toMatchObject({
      ok: true,
      message: { id: "7", payload: { key: "k1" }, encoding: "ref" },
    });
  });

  test("makes the message malformed where there is no codec, and leaves its id and type readable", () => {
    const decoded = decode(delivery({ body }), NOW);
    expect(decoded).toMatchObject({
      ok: false,
      problem: expect.stringContaining("this queue has no codec") as string,
      message: { id: "7", type: "x" },
    });
  });

  test.each(["5", '""', "{}"])("makes the message malformed if the name of the encoding is %s", (name) => {
    expect(read({ codec }, body.replace('"ref"', name))).toMatchObject({
      ok: false,
      problem: "payload_encoding must be a non-empty string",
    });
  });
});

describe("a message", () => {
  const states = (options: WireFormatOptions, body: string, attributes?: Attributes): boolean => {
    const { message } = read(options, body, attributes);
    return message !== undefined && statesCreation(message);
  };
  const dated: Decoder = () => ({ type: "x", payload: 1, createdAt: new Date(NOW) });
  const undated: Decoder = () => ({ type: "x", payload: 1 });
  const wrap = (inner: string): string => JSON.stringify({ wrap: inner });

  test.each<[string, boolean]>([
    ["an envelope with its time", states({}, '{"type":"x","payload":1,"created_at":"2026-01-01T00:00:00Z"}')],
    [
      "a CloudEvent with its time",
      states({}, '{"specversion":"1.0","type":"x","time":"2026-01-01T00:00:00Z"}'),
    ],
    ["a decoder that knows its time", states({ decode: dated }, "{}")],
    [
      "an envelope within another that has the time",
      states({ decode: wrapped }, wrap('{"type":"x","payload":1}')),
    ],
    [
      "data within an envelope that has the time",
      states({ decode: wrapped }, JSON.stringify({ wrap: "[1]", with: { type: "x" } })),
    ],
  ])("says when it was created: %s", (_, isStated) => {
    expect(isStated).toBe(true);
  });

  test.each<[string, boolean]>([
    ["an envelope without a time", states({}, '{"type":"x","payload":1}')],
    ["data of another system", states({}, "[1]", { type: "x" })],
    ["a CloudEvent without a time", states({}, '{"specversion":"1.0","type":"x"}')],
    ["a decoder that knows no time", states({ decode: undated }, "{}")],
  ])("does not say when it was created: %s", (_, isStated) => {
    expect(isStated).toBe(false);
  });

  test("says when it was created where it is sent, and as a plain object", () => {
    expect(statesCreation(completeMessage({ type: "x", payload: 1, tenant: "acme" }, NOW))).toBe(true);
    expect(statesCreation({ ...completeMessage({ type: "x", payload: 1 }, NOW) })).toBe(true);
  });
});
