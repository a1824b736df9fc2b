import { assert, dictionary, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import type { Limits } from "../../../src/driver/limits.ts";
import { packAttributes, unpackAttributes } from "../../../src/message/pack-attributes.ts";

const limits = (maxAttributes: number, maxAttributeBytes: number): Limits =>
  ({ maxAttributes, maxAttributeBytes }) as Limits;

const foreign = (count: number, value: string): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`theirs-${index}`, value]));

describe("attributes of other makers", () => {
  test("are left alone where there is room", () => {
    const given = { type: "mail", ...foreign(3, "value") };
    expect(packAttributes(given, limits(4, 1_024))).toBe(given);
  });

  test("fold into several where one cannot hold them", () => {
    const given = { qp_dlq: "{}", ...foreign(20, "v".repeat(100)) };
    const folded = packAttributes(given, limits(16, 256));

    expect(Object.keys(folded).length).toBeLessThanOrEqual(16);
    expect(Object.keys(folded)).toContain("qp_folded_2");
    for (const value of Object.values(folded)) expect(Buffer.byteLength(value)).toBeLessThanOrEqual(256);
    expect(unpackAttributes(folded)).toEqual(given);
  });

  test("fold again, when one more of ours comes to them", () => {
    const given = { type: "mail", ...foreign(10, "välue \uFFFE") };
    const once = packAttributes({ ...given, qp_attempt: "1" }, limits(8, 1_024));
    const twice = packAttributes({ ...once, qp_redrive: "1" }, limits(8, 1_024));

    expect(Object.keys(twice).length).toBeLessThanOrEqual(8);
    expect(unpackAttributes(twice)).toEqual({ ...given, qp_attempt: "1", qp_redrive: "1" });
  });

  test("come back exactly, whatever they are", () => {
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

  test("stay as they came where the fold is not of our making", () => {
    for (const text of ["{", "[1]", '{"a":1}'])
      expect(unpackAttributes({ qp_folded: text })).toEqual({ qp_folded: text });
  });
});
