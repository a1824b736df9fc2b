import { describe, expect, test } from "vitest";
import type { Limits, QueueTraits } from "../../../src/driver/limits.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import type { SendOptions } from "../../../src/queue/queue.ts";
import { compose, type Prepared, prepare } from "../../../src/send/prepare.ts";
import { limits, traits } from "../support.ts";

const NOW = Date.UTC(2026, 0, 1);
const ordered: QueueTraits = {
  ...traits,
  ordering: "by_key",
  orderingKeyRequired: true,
  dedupWindowMs: 300_000,
};

function prepared(
  input: Partial<NewMessage> = {},
  options: SendOptions = {},
  to: { traits?: QueueTraits; limits?: Limits } = {},
): Prepared {
  const connection = { driver: { provider: "test" }, limits: to.limits ?? limits, delays: undefined };
  const composed = compose({ type: "mail", payload: {}, ...input }, options, NOW);
  return prepare(connection, "jobs", to.traits ?? traits, composed, { deadlineMs: 1_000 });
}

const refused = (code: string): Error => expect.objectContaining({ code }) as Error;

test("a plain message goes at once, without a key, known by its id", () => {
  const { message, outgoing, delayMs, keepsOrder } = prepared();

  expect({ delayMs, keepsOrder }).toEqual({ delayMs: 0, keepsOrder: false });
  expect(outgoing).toMatchObject({ delayMs: 0, dedupId: message.id, cancellable: false });
  expect(outgoing.orderingKey).toBeUndefined();
  expect(JSON.parse(outgoing.body as string)).toMatchObject({ id: message.id, type: "mail" });
});

test("a delay is noted as the time at which the job is due", () => {
  const { message, delayMs } = prepared({}, { delay: { seconds: 5 } });

  expect(delayMs).toBe(5_000);
  expect(message.scheduledAt).toEqual(new Date(NOW + 5_000));
  expect(prepared({}, { delay: { at: new Date(NOW - 1) } }).message.scheduledAt).toBeUndefined();
});

describe("a queue that keeps order", () => {
  test("keeps that of a message with a key", () => {
    const { outgoing, keepsOrder } = prepared({ orderingKey: "k", dedupId: "d" }, {}, { traits: ordered });
    expect({ key: outgoing.orderingKey, dedup: outgoing.dedupId, keepsOrder }).toEqual({
      key: "k",
      dedup: "d",
      keepsOrder: true,
    });
  });

  test("gives one without a key its own id, where it needs a key", () => {
    const { outgoing, message, keepsOrder } = prepared({}, {}, { traits: ordered });

    expect(outgoing.orderingKey).toBe(message.id);
    expect(keepsOrder).toBe(false);
  });
});

describe("what the queue cannot do is refused", () => {
  test.each([
    ["order", { orderingKey: "k" }, {}],
    ["deduplication", { dedupId: "d" }, {}],
    ["cancelling", {}, { cancellable: true, delay: 1_000 }],
  ])("%s", (_, input, options) => {
    expect(() => prepared(input, options)).toThrow(refused("not_supported"));
  });
});

describe("sizes", () => {
  const small: Limits = { ...limits, maxMessageBytes: 10_000 };

  test("a message leaves room for its own dead letter", () => {
    expect(prepared({ payload: "x".repeat(5_600) }, {}, { limits: small }).delayMs).toBe(0);
    expect(() => prepared({ payload: "x".repeat(6_000) }, {}, { limits: small })).toThrow(
      refused("too_large"),
    );
  });

  test("bytes are counted, not characters", () => {
    expect(() => prepared({ payload: "é".repeat(3_000) }, {}, { limits: small })).toThrow(
      refused("too_large"),
    );
  });

  test("what fits no batch fits no message", () => {
    const batch = { ...limits, maxBatchBytes: 5_000 };
    expect(() => prepared({ payload: "x".repeat(1_000) }, {}, { limits: batch })).toThrow(
      refused("too_large"),
    );
  });
});

test.each<[string, Partial<NewMessage>, SendOptions, string]>([
  ["the message", { type: "" }, {}, "invalid_message"],
  ["the payload", { payload: { n: Number.NaN } }, {}, "invalid_payload"],
  ["the delay", {}, { delay: -1 }, "invalid_delay"],
])("%s is checked", (_, input, options, code) => {
  expect(() => prepared(input, options)).toThrow(refused(code));
});
