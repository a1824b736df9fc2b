import { assert, constantFrom, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { safeColored, safeLine, safeText, safeWhenParsed } from "../../../cmd/lib/terminal.ts";

/** Characters that act on a terminal: C0, DEL, C1, separators and bidirectional controls. */
// oxlint-disable-next-line no-control-regex -- these characters are what must not be there
const ACTS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const hostile = string({
  unit: oneof(
    constantFrom("\u001b", "\u009b", "\u007f", "\u0085", "\r", "\b", "\u202e", "\u2066", "\u200f", "\\", '"'),
    constantFrom(
      "\u001b[2J",
      "\u001b]0;owned\u0007",
      "\u001b[31m",
      "\\u001b",
      "\\\\",
      "a",
      "é",
      "\ud83d\ude00",
    ),
    string({ unit: "binary", maxLength: 3 }),
  ),
});

describe("text that is shown", () => {
  test("no text acts on the terminal, and JSON keeps its content", () => {
    assert(
      property(hostile, (text) => {
        expect(safeText(text)).not.toMatch(ACTS);
        expect(safeLine(text)).not.toMatch(/[\n\t]/);
        expect(JSON.parse(safeText(JSON.stringify({ text })))).toEqual({ text });
      }),
    );
  });

  test("a string of a log line does not act on the terminal when it has been parsed, and stays JSON", () => {
    assert(
      property(hostile, (text) => {
        const { msg } = JSON.parse(safeWhenParsed(JSON.stringify({ msg: text }))) as { readonly msg: string };
        expect(msg).not.toMatch(ACTS);
        expect(msg).toBe(
          safeText(text)
            .replaceAll("\\u0008", "\\b")
            .replaceAll("\\u000c", "\\f")
            .replaceAll("\\u000d", "\\r"),
        );
      }),
    );
  });

  test("an escape is shown as it is written in JSON", () => {
    expect(safeText("a\u001b[2Jb\u009b1m\u202e\tc\nd")).toBe("a\\u001b[2Jb\\u009b1m\\u202e\tc\nd");
    expect(safeLine(" a \n  b\tc ")).toBe("a b c");
  });

  test("coloured text keeps the colours of this program, and no other escape", () => {
    expect(safeColored("\u001b[31mred\u001b[39m \u001b[8mhidden \u001b[2J")).toBe(
      "\u001b[31mred\u001b[39m \\u001b[8mhidden \\u001b[2J",
    );
  });
});
