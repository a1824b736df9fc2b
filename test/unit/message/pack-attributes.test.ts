import { assert, dictionary, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Limits } from "../../../src/driver/limits.ts";
import { packAttributes, unpackAttributes } from "../../../src/message/pack-attributes.ts";

const limits = (maxAttributes: number, maxAttributeBytes: number): Limits =>
  ({ maxAttributes, maxAttributeBytes }) as Limits;

const foreign = (count: number, value: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`theirs-${index}`, value]));

describe("attributes of another system", () => {
  test("stay as they are if the limits allow them", () => {
    const given = { type: "mail", ...foreign(3, "value") };
    expect(packAttributes(given, limits(4, 1_024))).toBe(given);
  });

  test("are packed into several attributes if one cannot hold them", () => {
    const given = { qp_dlq: "{}", ...foreign(20, "v".repeat(100)) };
    const packed = packAttributes(given, limits(16, 256));

    expect(Object.keys(packed).length).toBeLessThanOrEqual(16);
    expect(Object.keys(packed)).toContain("qp_folded_2");
    for (const value of Object.values(packed)) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(256);
    expect(unpackAttributes(packed)).toEqual(given);
  });

  test("are packed again if a system attribute is added later", () => {
    const given = { type: "mail", ...foreign(10, "välue \uFFFE") };
    const once = packAttributes({ ...given, qp_attempt: "1" }, limits(8, 1_024));
    const twice = packAttributes({ ...once, qp_redrive: "1" }, limits(8, 1_024));

    expect(Object.keys(twice).length).toBeLessThanOrEqual(8);
    expect(unpackAttributes(twice)).toEqual({ ...given, qp_attempt: "1", qp_redrive: "1" });
  });

  test("are unpacked exactly as they were packed, for any names and values", () => {
    const values = dictionary(
      string({ minLength: 1, maxLength: 10 }).filter(
        (name) => !name.startsWith("qp_") && name !== "__proto__",
      ),
      string({ unit: "binary", maxLength: 40 }),
      { maxKeys: 14 },
    );
    assert(
      property(values, (given) => {
        const all = { ...given, qp_attempt: "2" };
        expect(unpackAttributes(packAttributes(all, limits(10, 256)))).toEqual(all);
      }),
    );
  });

  test("stay as they are if another system wrote qp_folded", () => {
    for (const text of ["{", "[1]", '{"a":1}'])
      expect(unpackAttributes({ qp_folded: text })).toEqual({ qp_folded: text });
  });
});
