import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import * as door from "../../../src/driver/index.ts";

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), "utf8");

/** Code without white space, since the formatter of the page indents and breaks lines differently. */
const bare = (code: string): string => code.replaceAll(/\s/g, "");

test("each excerpt of the page is in the file of the example that it names", async () => {
  const page = await read("docs/writing-an-adapter.md");
  const excerpts = [...page.matchAll(/```ts\n\/\/ ([\w-]+\.ts)\n(.*?)```/gs)].filter(
    ([, file]) => file !== "harness.ts",
  );
  expect(excerpts.length).toBeGreaterThan(4);
  for (const [, file = "", excerpt = ""] of excerpts) {
    expect(bare(await read(`examples/directory-adapter/${file}`))).toContain(bare(excerpt));
  }
});

test("the page explains everything that the door for adapters exports", async () => {
  const page = await read("docs/writing-an-adapter.md");
  expect(Object.keys(door).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("the example imports only the door for adapters from queueport", async () => {
  for (const file of await readdir(new URL("../../../examples/directory-adapter", import.meta.url))) {
    const source = await read(`examples/directory-adapter/${file}`);
    const outside = [...source.matchAll(/from "(\.\.[^"]*)"/g)].map(([, path]) => path);
    expect(new Set(["../../src/driver/index.ts", ...outside])).toEqual(
      new Set(["../../src/driver/index.ts"]),
    );
  }
});
