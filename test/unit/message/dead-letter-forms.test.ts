import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attributes } from "../../../src/driver/contract.ts";
import { deadLetterForms } from "../../../src/message/dead-letter-forms.ts";
import {
  type DeadLetterInfo,
  decodeInfo,
  encodeInfo,
  originalAttributes,
} from "../../../src/message/dead-letter-info.ts";
import { limits, times } from "../support.ts";

const info: DeadLetterInfo = {
  reason: "max_attempts",
  error: "Error: ".padEnd(900, "x"),
  attempts: 3,
  source: "jobs",
  at: new Date(1_000),
  orderingKey: "customer 1",
};

function best(given: Attributes): Attributes {
  const [first] = deadLetterForms(given, info, limits);
  return first!.attributes;
}

describe("the attributes of a dead letter", () => {
  const foreign = (count: number): Record<string, string> =>
    Object.fromEntries(times(count, (index) => [`theirs-${index}`, `value ${index}`]));

  test("are those of the message, with qp_dlq added", () => {
    const given = { type: "mail", qp_attempt: "2", ...foreign(3) };
    expect(best(given)).toEqual({ ...given, qp_dlq: encodeInfo(info) });
  });

  test("are packed only as far as the limit requires, and are unpacked as they were", () => {
    const given = { type: "mail", traceparent: "00-1", qp_attempt: "2", ...foreign(7) };
    const attributes = best(given);

    expect(Object.keys(attributes)).toHaveLength(limits.maxAttributes);
    expect(Object.keys(attributes)).toEqual(
      expect.arrayContaining(["type", "traceparent", "qp_attempt", "qp_dlq", "qp_folded"]),
    );
    expect(originalAttributes(attributes)).toEqual(given);
  });

  test("never exceed the number that the provider allows", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 }), (count) => {
        const attributes = best(foreign(count));
        expect(Object.keys(attributes).length).toBeLessThanOrEqual(limits.maxAttributes);
        expect(originalAttributes(attributes)).toEqual(foreign(count));
      }),
    );
  });

  test("shrink from the whole details to none, then lose other programs' attributes, then all", () => {
    const given = { type: "mail", qp_attempt: "2", qp_decided: "{}", theirs: "a" };
    const forms = [...deadLetterForms(given, info, limits)];

    expect(forms.map(({ lacks }) => lacks)).toEqual([
      undefined,
      undefined,
      "the reason",
      "the attributes of other programs",
      "all attributes",
    ]);
    expect(forms.map(({ attributes }) => Object.keys(attributes))).toEqual([
      ["type", "qp_attempt", "theirs", "qp_dlq"],
      ["type", "qp_attempt", "theirs", "qp_dlq"],
      ["type", "qp_attempt", "theirs"],
      ["type", "qp_attempt", "qp_dlq"],
      [],
    ]);
    const short = forms[1]!.attributes["qp_dlq"]!;
    expect(short.length).toBeLessThanOrEqual(500);
    expect(decodeInfo({ qp_dlq: short }, new Date(0)).info).toMatchObject({
      reason: "max_attempts",
      orderingKey: "customer 1",
    });
  });

  test("are without those that the provider sets itself", () => {
    const [first] = deadLetterForms({ type: "mail", googclient_schemaencoding: "JSON" }, info, {
      ...limits,
      reservedAttributePrefix: "goog",
    });
    expect(Object.keys(first!.attributes)).toEqual(["type", "qp_dlq"]);
  });

  test("are left as they are if another system wrote qp_folded", () => {
    expect(originalAttributes({ qp_folded: "{", qp_dlq: "x" })).toEqual({ qp_folded: "{" });
  });
});
