import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeadLetterInfo } from "../../../src/message/dead-letter-info.ts";
import {
  deadLetterAttributes,
  decodeInfo,
  encodeInfo,
  errorLine,
  originalAttributes,
} from "../../../src/message/dead-letter-info.ts";
import { limits, times } from "../support.ts";

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

describe("what is noted", () => {
  test("comes back as it was", () => {
    expect(decodeInfo({ qp_dlq: encodeInfo(info) })).toEqual(info);
  });

  test("has at most 1,000 bytes, whatever is to be noted, and can be read", () => {
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
        const noted = encodeInfo(given);
        expect(Buffer.byteLength(noted)).toBeLessThanOrEqual(1_000);
        // Not every provider carries these two.
        expect(noted).not.toMatch(/[\uFFFE\uFFFF]/);
        const back = decodeInfo({ qp_dlq: noted });
        expect(back).toMatchObject({
          attempts: given.attempts,
          at: given.at,
          firstSeenAt: given.firstSeenAt,
        });
        expect([undefined, given.orderingKey]).toContain(back?.orderingKey);
      }),
      { numRuns: 500 },
    );
  });

  test("the error is cut before anything else", () => {
    const back = decodeInfo({ qp_dlq: encodeInfo({ ...info, error: "x".repeat(5_000) }) });
    expect(back).toEqual({ ...info, error: expect.stringMatching(/^x{650,}$/) as string });
  });

  test.each(["", "{", "[]", "{}", '{"reason":1,"source":"a","at":"b"}'])("%j is not ours", (noted) => {
    expect(decodeInfo({ qp_dlq: noted })).toBeUndefined();
  });

  test("an error is one line of what can be noted at most", () => {
    expect(errorLine(undefined)).toBe("");
    expect(errorLine(new Error("x".repeat(1e6)))).toHaveLength(1_000);
  });
});

describe("its attributes", () => {
  const foreign = (count: number): Record<string, string> =>
    Object.fromEntries(times(count, (index) => [`theirs-${index}`, `value ${index}`]));

  test("stay as they were, and qp_dlq beside them", () => {
    const given = { type: "mail", qp_attempt: "2", ...foreign(3) };
    expect(deadLetterAttributes(given, info, limits)).toEqual({ ...given, qp_dlq: encodeInfo(info) });
  });

  test("fold as few as need be into one where they would be too many, and unfold as they were", () => {
    const given = { type: "mail", traceparent: "00-1", qp_attempt: "2", ...foreign(7) };
    const marked = deadLetterAttributes(given, info, limits);

    expect(Object.keys(marked)).toHaveLength(limits.maxAttributes);
    expect(Object.keys(marked)).toEqual(
      expect.arrayContaining(["type", "traceparent", "qp_attempt", "qp_dlq", "qp_folded"]),
    );
    expect(originalAttributes(marked)).toEqual(given);
  });

  test("never exceed the provider's count", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), (count) => {
        const marked = deadLetterAttributes(foreign(count), info, limits);
        expect(Object.keys(marked).length).toBeLessThanOrEqual(limits.maxAttributes);
        expect(originalAttributes(marked)).toEqual(foreign(count));
      }),
    );
  });

  test("a fold of somebody else's make is left as it is", () => {
    expect(originalAttributes({ qp_folded: "{", qp_dlq: "x" })).toEqual({ qp_folded: "{" });
  });
});
