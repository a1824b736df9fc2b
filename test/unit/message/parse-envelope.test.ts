import { describe, expect, test } from "vitest";
import { encode } from "../../../src/message/envelope.ts";
import type { NewMessage } from "../../../src/message/message.ts";
import { completeMessage } from "../../../src/message/new-message.ts";
import { parseEnvelope } from "../../../src/message/parse-envelope.ts";
import { seeded } from "../../support/seeded.ts";

const START = Date.UTC(2026, 10, 29);

/** The result, or the error in words. */
function attempt(parse: (text: string) => unknown, text: string): unknown {
  try {
    return { json: parse(text) };
  } catch (error) {
    return String(error);
  }
}

/** The texts of which the parser makes something else than `JSON.parse`, also in the order of fields. */
function differing(texts: readonly string[]): string[] {
  return texts.filter(
    (text) => JSON.stringify(attempt(parseEnvelope, text)) !== JSON.stringify(attempt(JSON.parse, text)),
  );
}

const body = (message: Partial<NewMessage>, now = START): string =>
  encode(completeMessage({ type: "mail", payload: { to: "ada" }, ...message }, now)).body;

describe("an envelope is parsed as JSON.parse does", () => {
  test.each<[string, Partial<NewMessage>]>([
    ["an object", {}],
    ["null", { payload: null }],
    ["a text with the fields that follow it", { payload: ',"max_attempts":5,"created_at":"x"}' }],
    ["an envelope inside a payload", { payload: JSON.parse(body({})) }],
    ["characters of two bytes", { payload: "é 🦊 \u2028 \uFFFF" }],
    ["a type with quotes", { type: 'a"b\\c' }],
    ["other attempts", { maxAttempts: 12 }],
    ["an id of the sender", { id: "order-7" }],
    ["an id of 36 characters with a quote", { id: `${"x".repeat(34)}"` }],
    ["headers", { headers: { tenant: "t1" } }],
    ["a backoff", { backoff: { baseMs: 5 } }],
  ])("if it has %s", (_, message) => {
    const texts = [START, START, START + 1].flatMap((now) => [body(message, now), body({}, now)]);
    expect(differing(texts)).toEqual([]);
  });

  test.each([
    "",
    "null",
    "[]",
    "5",
    "{}",
    '{"id":',
    '{"id":"","type":"mail","payload":1,"max_attempts":0,"created_at":""}',
    '{"type":"mail","max_attempts":-0,"created_at":"x"}',
    '{"type":"","payload":1,"max_attempts":5,"created_at":"x"}',
  ])("if %s precedes and follows it", (text) => {
    expect(differing([text, body({}), text, body({}), text])).toEqual([]);
  });

  test.each([
    ["a number", "12345678901234567890123456"],
    ["an escaped time", '"2026-11-29T00:00:00.0\\u0030"'],
    ["a list", '["2026-11-29T00:00:00.00"]'],
    ["another text of the same length", '"2026-11-29T00:00:00,000 "'],
    ["several fields", '"2026-11-29","b":"0:00.00"'],
    ["shorter", '"x"'],
  ])("if its time is %s", (_, time) => {
    const changed = body({}).replace(/"created_at":.*\}/, `"created_at":${time}}`);
    expect(differing([body({}), changed, changed, body({})])).toEqual([]);
  });

  test("if characters of it were changed, left out or repeated", () => {
    const random = seeded(7);
    const below = (count: number): number => Math.floor(random() * count);
    const alphabet = '{}[]",:\\ 05aentmuls-TZ.\u0000é';
    const texts = Array.from({ length: 20_000 }, (_, round) => {
      const usual = body({ type: round % 50 < 25 ? "mail" : "post" }, START + below(3));
      const at = below(usual.length);
      const put =
        [alphabet.charAt(below(alphabet.length)), usual.slice(at, at + below(60)), ""][below(3)] ?? "";
      return [usual, usual.slice(0, at) + put + usual.slice(at + below(4))];
    });
    expect(differing(texts.flat())).toEqual([]);
  });
});
