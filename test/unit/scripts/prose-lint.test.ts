import { describe, expect, test } from "vitest";
import { lintFile } from "../../../scripts/prose-lint.ts";

/** The line and the message of each finding. */
function findings(file: string, source: string): string[] {
  return lintFile(file, source).map(({ line, message }) => `${line}: ${message.split(":")[0]}`);
}

const inDoc = (text: string): string[] => findings("src/x.ts", `/** ${text} */\nexport const x = 1;\n`);

describe("a sentence", () => {
  test.each(["What", "Who", "Whose", "Of", "Those", "Where", "For what", "Whoever", "Whatever"])(
    "must not begin with %s",
    (word) => {
      expect(inDoc(`Poll interval in ms. ${word} is left.`)).toEqual([`1: sentence begins with "${word}"`]);
    },
  );

  test.each([
    "Milliseconds between two polls. A poll asks for free slots only.",
    "Reports what was sent, and to whom.",
    "Waits for e.g. of two queues the slower one.",
    "Returned by `What is this?` and by {@link Whatever}.",
    "Whether the queue keeps its order: a queue whose name ends in `.fifo` does.",
  ])("may be: %s", (text) => {
    expect(inDoc(text)).toEqual([]);
  });

  test("must not continue after a colon with a clause that has no subject", () => {
    expect(inDoc("Later: what is due then is sent.")).toEqual(['1: clause begins with "what"']);
  });

  test("is found on its own line of a comment", () => {
    const source =
      "/**\n * Sends messages.\n *\n * @param name Whoever sends.\n * @returns One result a message.\n */\n";
    expect(findings("src/x.ts", source)).toEqual(['4: sentence begins with "Whoever"']);
  });

  test("is ignored in an example and in a comment for a tool", () => {
    expect(findings("src/x.ts", "/**\n * Sends.\n *\n * @example\n * // What it sends\n */\n")).toEqual([]);
    expect(findings("src/x.ts", "// oxlint-disable-next-line where\n")).toEqual([]);
  });
});

describe("a word", () => {
  test.each([
    ["The lease goes by the clock.", "goes by"],
    ["The queue renews it by itself.", "by itself"],
    ["All messages at hand are settled.", "at hand"],
    ["The delay lies over the limit.", "lies over"],
    ["Run it again to mend the queue.", "mend"],
    ["The caller is told.", "is told"],
    ["The message is parked.", "parked"],
    ["Reads the letter.", "letter"],
    ["Sends a clone.", "clone"],
    ["The job is stalled.", "stalled"],
    ["Set by `maxParkMs` alone.", "maxParkMs"],
  ])("that was replaced is found: %s", (text, word) => {
    expect(inDoc(text)).toEqual([`1: "${word}"`]);
  });

  test.each([
    "Moves the dead letter, and every dead-lettered copy.",
    "Names of letters, digits and hyphens.",
    "Runs from a clone, without a build.",
    "Stored in a transactional outbox.",
    "Aggregates the counts.",
  ])("may have another sense: %s", (text) => {
    expect(inDoc(text)).toEqual([]);
  });
});

describe("Markdown", () => {
  test("is read by paragraphs, cells and headings, without code and addresses", () => {
    const page = [
      "# What is it?",
      "",
      "## What there is",
      "",
      "```ts",
      "// What is it",
      "```",
      "",
      "A [link](https://x.y/parked). *Who sends* is known.",
      "",
      "| what | why |",
      "| ---- | --- |",
      "| a queue | of one kind |",
    ].join("\n");
    expect(findings("docs/x.md", page)).toEqual([
      '3: sentence begins with "What"',
      '9: sentence begins with "Who"',
      '13: sentence begins with "of"',
    ]);
  });

  test("in the changelog is read in the unreleased section only, and may quote old names", () => {
    const page =
      "# Log\n\nOf it.\n\n## [Unreleased]\n\n- `maxParkMs` is `maxHopMs`.\n- Of it.\n\n## [0.1.0]\n\n- Of it.\n";
    expect(findings("CHANGELOG.md", page)).toEqual(['8: sentence begins with "Of"']);
  });
});

describe("a name of a test", () => {
  const named = (name: string): string[] =>
    findings("test/x.test.ts", `test(${JSON.stringify(name)}, run);\n`);

  test.each([
    "a message whose lease expired is delivered again",
    "refuses %s",
    "%s",
    "two receivers share a queue",
  ])("may be: %s", (name) => {
    expect(named(name)).toEqual([]);
  });

  test("needs three words and a verb", () => {
    expect(named("is kept")).toEqual(["1: test name is shorter than three words"]);
    expect(named("a lease without order")).toEqual(["1: test name has no verb"]);
  });

  test("is found behind each and in cases of the conformance suite", () => {
    expect(findings("test/x.test.ts", "test.each(rows)('is kept', run);\n")).toHaveLength(1);
    const source = 'const one = check("delivery.body", "arrives", async () => {});\n';
    expect(findings("src/conformance/cases/x.ts", source)).toHaveLength(1);
  });
});

test("help texts of commands are read, and other strings are not", () => {
  const source =
    'new Command("x").description("Of it.").option("--of", "of " + `this ${kind}`);\nlog("Of it.");\n';
  expect(findings("cmd/x.ts", source)).toEqual([
    '1: sentence begins with "of"',
    '1: sentence begins with "Of"',
  ]);
});
