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

test("a plain message has no delay and no key, and is deduplicated by its id", () => {
  const { message, outgoing, delayMs, keepsOrder } = prepared();

  expect({ delayMs, keepsOrder }).toEqual({ delayMs: 0, keepsOrder: false });
  expect(outgoing).toMatchObject({ delayMs: 0, dedupId: message.id, cancellable: false });
  expect(outgoing.orderingKey).toBeUndefined();
  expect(JSON.parse(outgoing.body as string)).toMatchObject({ id: message.id, type: "mail" });
});

test("a delayed message has its due time as scheduledAt", () => {
  const { message, delayMs } = prepared({}, { delay: { seconds: 5 } });

  expect(delayMs).toBe(5_000);
  expect(message.scheduledAt).toEqual(new Date(NOW + 5_000));
  expect(prepared({}, { delay: { at: new Date(NOW - 1) } }).message.scheduledAt).toBeUndefined();
});

describe("an ordered queue", () => {
  test("keeps the key and the order of a message with a key", () => {
    const { outgoing, keepsOrder } = prepared({ orderingKey: "k", dedupId: "d" }, {}, { traits: ordered });
    expect({ key: outgoing.orderingKey, dedup: outgoing.dedupId, keepsOrder }).toEqual({
      key: "k",
      dedup: "d",
      keepsOrder: true,
    });
  });

  test("derives the key of a message from its id if the queue requires a key", () => {
    const { outgoing, message, keepsOrder } = prepared({}, {}, { traits: ordered });

    expect(outgoing.orderingKey).toBe(`qp-own:${message.id}`);
    expect(keepsOrder).toBe(false);
  });
});

test.each([
  ["an ordering key", { orderingKey: "k" }, {}],
  ["a deduplication id", { dedupId: "d" }, {}],
  ["cancellation", {}, { cancellable: true, delay: 1_000 }],
])("%s is refused if the queue does not support it", (_, input, options) => {
  expect(() => prepared(input, options)).toThrow(refused("not_supported"));
});

describe("the size of a message", () => {
  const small: Limits = { ...limits, maxMessageBytes: 10_000 };

  test("leaves room for the attributes of its dead letter", () => {
    expect(prepared({ payload: "x".repeat(5_600) }, {}, { limits: small }).delayMs).toBe(0);
    expect(() => prepared({ payload: "x".repeat(6_000) }, {}, { limits: small })).toThrow(
      refused("too_large"),
    );
  });

  test("is counted in bytes, not in characters", () => {
    expect(() => prepared({ payload: "é".repeat(3_000) }, {}, { limits: small })).toThrow(
      refused("too_large"),
    );
  });

  test("is limited by the size of a batch too", () => {
    const batch = { ...limits, maxBatchBytes: 5_000 };
    expect(() => prepared({ payload: "x".repeat(3_000) }, {}, { limits: batch })).toThrow(
      refused("too_large"),
    );
  });
});

test.each<[string, Partial<NewMessage>, SendOptions, string]>([
  ["message", { type: "" }, {}, "invalid_message"],
  ["payload", { payload: { n: Number.NaN } }, {}, "invalid_payload"],
  ["delay", {}, { delay: -1 }, "invalid_delay"],
])("an invalid %s is refused", (_, input, options, code) => {
  expect(() => prepared(input, options)).toThrow(refused(code));
});
