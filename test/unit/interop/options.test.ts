import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openQueue } from "../../../adapters/open.ts";
import type { Attributes } from "../../../src/driver/contract.ts";
import {
  cloudEvents,
  encodeCloudEvents,
  eventBridge,
  eventGrid,
  gcs,
  s3,
  sns,
} from "../../../src/interop/index.ts";
import { decode, type Decoded } from "../../../src/message/decode.ts";
import type { Decoder } from "../../../src/message/decoder.ts";
import { WireFormat } from "../../../src/message/format.ts";
import { PRIORITIES } from "../../../src/message/job-labels.ts";
import type { Message } from "../../../src/message/message.ts";
import { Fixture } from "../receive/fixture.ts";
import { delivery } from "../support.ts";

function read(decoder: Decoder, json: unknown, attributes: Attributes = {}): Decoded {
  const body = typeof json === "string" ? json : JSON.stringify(json);
  return decode(delivery({ body, attributes }), 0, new WireFormat({ decode: decoder }).readingOf("jobs"));
}

describe("the option type of a decoder", () => {
  const bridge = { id: "1", source: "shop", "detail-type": "placed", detail: 1 };
  const grid = { id: "1", eventType: "e", subject: "/s", eventTime: "2026-01-01T00:00:00Z", data: 1 };
  const record = (eventName: string): object => ({
    eventSource: "aws:s3",
    eventName,
    eventTime: "2026-01-01T00:00:00Z",
  });
  const event = { specversion: "1.0", id: "1", source: "/shop", type: "placed", data: 1 };
  const object = { eventType: "OBJECT_DELETE", bucketId: "b1", objectId: "o", payloadFormat: "NONE" };

  test.each<[string, Decoder, unknown, Attributes?]>([
    ["eventBridge", eventBridge({ type: (one) => `${one.source}/${one["detail-type"]}` }), bridge],
    ["eventGrid", eventGrid({ type: ({ subject }) => `shop${subject}`.replace("/s", "/placed") }), grid],
    ["s3", s3({ type: () => "shop/placed" }), { Records: [record("a"), record("b")] }],
    ["gcs", gcs({ type: () => "shop/placed" }), "", object],
    ["cloudEvents", cloudEvents({ type: (one) => `shop/${one.type}` }), event],
    [
      "cloudEvents in binary mode",
      cloudEvents({ type: "shop/placed" }),
      1,
      { "ce-specversion": "1.0", "ce-type": "x" },
    ],
  ])("names the job of %s", (_, decoder, json, attributes) => {
    expect(read(decoder, json, attributes)).toMatchObject({ ok: true, message: { type: "shop/placed" } });
  });

  const notification = (Message: string, MessageAttributes?: object): object => ({
    Type: "Notification",
    MessageId: "m1",
    TopicArn: "arn:aws:sns:eu-west-1:1:orders",
    Message,
    MessageAttributes,
  });
  const byTopic = sns({ type: ({ TopicArn }) => TopicArn.split(":").at(-1) ?? "" });

  test("names the job of an SNS message that has no type of its own", () => {
    expect(read(byTopic, notification('{"orderId":42}'))).toMatchObject({
      message: { id: "m1", type: "orders", payload: { orderId: 42 } },
    });
    expect(read(byTopic, notification("Hello world!"))).toMatchObject({
      message: { id: "m1", type: "orders", payload: "Hello world!" },
    });
  });

  test("leaves the type of an SNS message that has one", () => {
    const typed = { type: { Type: "String", Value: "placed" } };
    expect(read(byTopic, notification('{"type":"own","payload":1}'))).toMatchObject({
      message: { type: "own", payload: 1 },
    });
    expect(read(byTopic, notification('{"orderId":42}', typed))).toMatchObject({
      message: { type: "placed", payload: { orderId: 42 } },
    });
  });

  test("that returns nothing makes the message malformed", () => {
    expect(read(eventBridge({ type: () => "" }), bridge)).toMatchObject({
      ok: false,
      problem: "a decoder returned no type",
    });
  });
});

describe("encodeCloudEvents", () => {
  const encode = encodeCloudEvents({ source: "/orders" });

  test("writes a structured event, which others read", async () => {
    const fixture = new Fixture({ hooks: { encode } });
    await fixture.queue.send("jobs", { id: "1", type: "placed", payload: { orderId: 42 }, maxAttempts: 3 });

    const [sent] = await fixture.peek("jobs");
    expect(JSON.parse(String(sent?.body))).toEqual({
      specversion: "1.0",
      id: "1",
      source: "/orders",
      type: "placed",
      time: new Date(fixture.clock.now()).toISOString(),
      datacontenttype: "application/json",
      qpmaxattempts: 3,
      data: { orderId: 42 },
    });
    expect(sent?.attributes).toEqual({
      type: "placed",
      "content-type": "application/cloudevents+json; charset=utf-8",
    });
  });

  test("writes messages that a worker of queueport reads as they were sent", async () => {
    const text = fc
      .string({ minLength: 1, maxLength: 20, unit: "grapheme" })
      .filter((one) => !/\p{Cc}/u.test(one));
    const input = fc.record(
      {
        type: text,
        payload: fc
          .jsonValue({ noUnicodeString: false })
          .map((value) => JSON.parse(JSON.stringify(value)) as unknown),
        id: text,
        headers: fc.dictionary(
          text.filter((name) => !name.startsWith("ce-") && name !== "__proto__"),
          fc.string({ unit: "binary" }),
          { minKeys: 1, maxKeys: 3 },
        ),
        maxAttempts: fc.integer({ min: 1, max: 100 }),
        backoff: fc.record({
          baseMs: fc.nat(),
          factor: fc.integer({ min: 1, max: 9 }),
          jitter: fc.boolean(),
        }),
        trace: fc.record({ traceparent: text, tracestate: text }),
        priority: fc.constantFrom(...PRIORITIES),
        tenant: text.filter((one) => Buffer.byteLength(one) <= 128),
      },
      { requiredKeys: ["type", "payload"] },
    );
    await fc.assert(
      fc.asyncProperty(input, fc.boolean(), async (message, isDelayed) => {
        const fixture = new Fixture({ hooks: { encode } });
        const seen: Message[] = [];
        const delay = isDelayed ? 1_000 : undefined;
        const { id } = await fixture.queue.send("jobs", message, { delay });
        const sentAt = fixture.clock.now();
        fixture.receive((one) => void seen.push(one));
        await fixture.clock.advance(2_000);

        expect(seen).toMatchObject([
          {
            maxAttempts: 5,
            ...message,
            id,
            createdAt: new Date(sentAt),
            scheduledAt: isDelayed ? new Date(sentAt + 1_000) : undefined,
          },
        ]);
        fixture.stop.abort();
      }),
      { numRuns: 50 },
    );
  });

  test("escapes the characters that SQS does not take", async () => {
    const fixture = new Fixture({ hooks: { encode } });
    await fixture.queue.send("jobs", { type: "placed", payload: "\uFFFE\uFFFF" });

    expect(String((await fixture.peek("jobs"))[0]?.body)).toMatch(/^[^\uFFFE\uFFFF]*$/);
  });

  test.each([undefined, "", 5])("refuses %j as a source", (source) => {
    expect(() => encodeCloudEvents({ source } as never)).toThrow(
      expect.objectContaining({ code: "invalid_options" }),
    );
  });
});

test("an encoder that returns no text refuses the message", async () => {
  const fixture = new Fixture({ hooks: { encode: () => ({ body: 5 }) as never } });
  await expect(fixture.queue.send("jobs", { type: "x", payload: 1 })).rejects.toMatchObject({
    code: "invalid_options",
  });
});

test.each([
  ["for all queues", "eventBridge", "placed"],
  ["in a list", ["sns", "eventBridge"], "placed"],
  ["by queue", { uploads: "eventBridge" }, "placed"],
  ["for the queues that are not named", { "*": ["eventBridge"], other: "sns" }, "placed"],
  ["for another queue only", { other: "eventBridge" }, "undecoded"],
] as const)(
  "openQueue reads messages with the decoders that its configuration names %s",
  async (_, names, type) => {
    const body = JSON.stringify({ id: "1", source: "shop", "detail-type": "placed", detail: 1 });
    await using queue = await openQueue({ provider: "memory", decode: names }, { encode: () => ({ body }) });
    await queue.send("uploads", { type: "undecoded", payload: 1 });

    const received = await new Promise<Message>((resolve) => void queue.receive("uploads", resolve));

    expect(received.type).toBe(type);
  },
);

test("decoders that are given in code take precedence over those of the configuration", async () => {
  const mine: Decoder = () => ({ type: "mine", payload: 1 });
  await using queue = await openQueue({ provider: "memory", decode: "sns" }, { decode: mine });
  await queue.send("uploads", { type: "undecoded", payload: 1 });

  const received = await new Promise<Message>((resolve) => void queue.receive("uploads", resolve));

  expect(received.type).toBe("mine");
});

describe("a message that has one field of those that are ignored", () => {
  test("is read as the envelope that it is, for a test event of S3", () => {
    const decoded = read(s3(), { type: "t", payload: 1, Event: "s3:TestEvent" });
    expect(decoded).toMatchObject({ ok: true, message: { payload: 1 } });
  });

  test("is the payload of its type attribute, for a confirmation of SNS", () => {
    const order = { Type: "SubscriptionConfirmation", TopicArn: "none", Message: "of a magazine" };
    expect(read(sns(), order, { type: "order" })).toMatchObject({ ok: true, message: { payload: order } });
  });
});
