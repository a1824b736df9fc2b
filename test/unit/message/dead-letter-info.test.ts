import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeadLetterInfo } from "../../../src/message/dead-letter-info.ts";
import {
  decodeInfo,
  encodeInfo,
  errorLine,
  infoAttributes,
  originalAttributes,
} from "../../../src/message/dead-letter-info.ts";

const info: DeadLetterInfo = {
  reason: "max_attempts",
  error: "Error: no",
  frame: "charge (billing/card.ts:12)",
  attempts: 5,
  source: "emails",
  at: new Date(1_000),
  firstSeenAt: new Date(5),
  orderingKey: "k",
};
const arrivedAt = new Date(7);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 3_000 }),
  fc.string({ maxLength: 3_000 }),
  fc.constantFrom(
    "\u0000".repeat(2_000),
    "🦊".repeat(1_000),
    '"'.repeat(2_000),
    "\ud800".repeat(2_000),
    "\uffff\ufffe",
  ),
);

describe("the info of a dead letter", () => {
  test("is decoded as it was encoded", () => {
    expect(decodeInfo({ qp_dlq: encodeInfo(info) }, arrivedAt)).toEqual({ info, problem: undefined });
  });

  test("has at most 1,000 bytes for any content, and can be decoded", () => {
    const any = fc.record({
      reason: text,
      error: text,
      attempts: fc.nat(),
      source: text,
      at: fc.date({ noInvalidDate: true }),
      firstSeenAt: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
      orderingKey: fc.option(text, { nil: undefined }),
    });
    fc.assert(
      fc.property(any, (given) => {
        const encoded = encodeInfo(given);
        expect(Buffer.byteLength(encoded)).toBeLessThanOrEqual(1_000);
        // Some providers refuse these two characters.
        expect(encoded).not.toMatch(/[\uFFFE\uFFFF]/);

        const { info: back } = decodeInfo({ qp_dlq: encoded }, arrivedAt);
        expect(back).toMatchObject({
          attempts: given.attempts,
          at: given.at,
          firstSeenAt: given.firstSeenAt,
        });
        const key = decodeInfo(infoAttributes(given), arrivedAt).info?.orderingKey;
        const isTooLong = Buffer.byteLength(given.orderingKey ?? "") > 1_024;
        expect(key).toBe(isTooLong ? undefined : given.orderingKey);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["128 quotes", '"'.repeat(128)],
    ["128 backslashes", "\\".repeat(128)],
    ["Unicode noncharacters", "\ufffe".repeat(42)],
    ["another program's 1,024 bytes", "k".repeat(1_024)],
    ["another program's 340 multi-byte characters", "é€🦊".repeat(113)],
    ["another program's control characters", "\u0001".repeat(92)],
    ["another program's JSON string", `"${"k".repeat(400)}"`],
  ])("keeps an ordering key of %s, whatever else there is to record", (_, orderingKey) => {
    const full = {
      ...info,
      reason: '"'.repeat(2_000),
      error: "é".repeat(5_000),
      source: "\u0000".repeat(80),
    };
    const attributes = infoAttributes({ ...full, orderingKey });

    expect(decodeInfo(attributes, arrivedAt).info?.orderingKey).toBe(orderingKey);
    for (const value of Object.values(attributes)) {
      expect(Buffer.byteLength(value)).toBeLessThanOrEqual(1_024);
      // Some providers refuse these characters.
      // oxlint-disable-next-line no-control-regex -- finds control characters
      expect(value).not.toMatch(/[\u0000-\u001f\uFFFE\uFFFF]/);
    }
    expect(originalAttributes({ type: "mail", ...attributes })).toEqual({ type: "mail" });
  });

  test("loses the end of its error before anything else", () => {
    const encoded = encodeInfo({ ...info, error: "x".repeat(5_000) });
    const { info: back } = decodeInfo({ qp_dlq: encoded }, arrivedAt);
    expect(back).toEqual({ ...info, error: expect.stringMatching(/^x{650,}$/) as string });
  });

  test.each(["", "{", "[]", "{}", '{"reason":1,"source":"a","at":"b"}'])(
    "is undefined, with a problem, if the attribute is %j",
    (value) => {
      expect(decodeInfo({ qp_dlq: value }, arrivedAt)).toEqual({
        info: undefined,
        problem: expect.stringMatching(/^qp_dlq /) as string,
      });
    },
  );

  test("has limits when it is decoded as well, and says which fields are invalid", () => {
    const written = {
      reason: "r".repeat(5_000),
      error: "é".repeat(60_000),
      frame: "f".repeat(5_000),
      attempts: "many",
      source: "s\ud800",
      at: "yesterday",
      first_seen_at: 7,
      ordering_key: "k".repeat(2_000),
    };
    const decoded = decodeInfo({ qp_dlq: JSON.stringify(written) }, arrivedAt);

    expect(decoded.problem).toBe("qp_dlq has invalid fields: ordering_key, attempts, at, first_seen_at");
    expect(decoded.info).toEqual({
      reason: "r".repeat(1_000),
      error: "é".repeat(1_000),
      frame: "f".repeat(1_000),
      attempts: 0,
      source: "s\ufffd",
      at: arrivedAt,
      firstSeenAt: undefined,
      orderingKey: undefined,
    });
  });

  test("is undefined without a problem if there is no such attribute", () => {
    expect(decodeInfo({}, arrivedAt)).toEqual({ info: undefined, problem: undefined });
  });

  test("describes an error in 1,000 characters at most", () => {
    expect(errorLine(undefined)).toBe("");
    expect(errorLine(new Error("x".repeat(1e6)))).toHaveLength(1_000);
  });
});
