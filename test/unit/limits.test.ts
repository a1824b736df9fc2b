import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { providers } from "../../adapters/registry.ts";

/** The page that states a limit and the month in which it was read, or the note that queueport chose the value. */
const SOURCE = /https:\/\/\S+ \(\d{4}-\d{2}\)|Chosen: /;

/** The limits and the other constants of a file, each with the comment above it. Constants in a row share a comment. */
function documented(source: string): Map<string, string> {
  const found = new Map<string, string>();
  let comment = "";
  let isOver = false;
  for (const line of source.split("\n")) {
    const text = line.trim();
    const name = /^(?:export const (\w+)(?!.*\{)|(\w+): )/.exec(text);
    if (/^(?:\/\/|\/\*\*|\*)/.test(text)) {
      comment = isOver ? text : `${comment}\n${text}`;
      isOver = false;
    } else if (name === null) {
      comment = "";
    } else {
      found.set(name[1] ?? name[2] ?? "", comment);
      if (name[2] !== undefined) comment = "";
      isOver = true;
    }
  }
  return found;
}

test.each(Object.keys(providers))(
  "every limit of %s has its page and the month it was read, or is chosen",
  (name) => {
    const file = new URL(`../../adapters/${name}/limits.ts`, import.meta.url);
    const found = [...documented(readFileSync(file, "utf8"))];
    expect(found.length).toBeGreaterThan(17);
    expect(found.filter(([, comment]) => !SOURCE.test(comment)).map(([limit]) => limit)).toEqual([]);
  },
);

test("a limit without a page, and one under the comment of another, are found", () => {
  const source = `
/** https://example.com/a (2026-11) */
export const A = 1;
export const B = 2;
/** No page. */
export const C = 3;
export const limits: Limits = {
  // https://example.com/d (2026-11)
  d: 4,
  e: 5,
};`;
  const missing = [...documented(source)].filter(([, comment]) => !SOURCE.test(comment));
  expect(missing.map(([name]) => name)).toEqual(["C", "e"]);
});
