import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";

const read = (path: string): Promise<string> =>
  readFile(new URL(`../../../${path}`, import.meta.url), "utf8");

/** The page's formatter indents and breaks lines as it likes. */
const bare = (code: string): string => code.replaceAll(/\s/g, "");

it("shows the example as it is", async () => {
  const page = await read("docs/writing-an-adapter.md");
  const excerpts = [...page.matchAll(/```ts\n\/\/ ([\w-]+\.ts)\n(.*?)```/gs)];
  expect(excerpts.length).toBeGreaterThan(4);
  for (const [, file = "", excerpt = ""] of excerpts) {
    expect(bare(await read(`examples/directory-adapter/${file}`))).toContain(bare(excerpt));
  }
});

it("tells what the example imports", async () => {
  for (const file of ["index.ts", "source.ts", "message-file.ts", "errors.ts"]) {
    const source = await read(`examples/directory-adapter/${file}`);
    const outside = [...source.matchAll(/from "(\.\.[^"]*)"/g)].map(([, path]) => path);
    expect(new Set(["../../src/driver/index.ts", ...outside])).toEqual(
      new Set(["../../src/driver/index.ts"]),
    );
  }
});
