import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support.ts";

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}
const packing = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "ignore"],
});
/** An array of one in some versions of npm, an object by the package's name in others. */
const [packed] = Object.values(JSON.parse(packing) as Readonly<Record<string, Packed>>);
const paths = packed?.files.map(({ path }) => path) ?? [];

test("what is published is code with its types, and the pages that the README links to", () => {
  const strangers = paths.filter(
    (path) => !/^dist\/.*\.(js|d\.ts)$|^dist\/chunks\/LICENSE-|^[^/]+$|^docs\/.*\.md$/.test(path),
  );
  expect(strangers, "no maps, whose sources are not published, and nothing of tests").toEqual([]);
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const pages = [...readme.matchAll(/\]\((?!https?:)([^)#]+\.md)\)/g)].map(([, page = ""]) => page);
  expect(pages.length).toBeGreaterThan(5);
  expect(paths).toEqual(expect.arrayContaining(pages));
});

test("no package is built in but uuid, and that with its licence", () => {
  const code = paths
    .filter((path) => path.endsWith(".js"))
    .map((path) => readFileSync(join(root, path), "utf8"));
  const builtIn = new Set(
    code.flatMap((text) =>
      [...text.matchAll(/^\/\/ (?:\.\.\/)?node_modules\/((?:@[^/]+\/)?[^/]+)/gm)].map(([, name]) => name),
    ),
  );
  expect([...builtIn]).toEqual(["uuid"]);
  expect(readFileSync(join(root, "dist/chunks/LICENSE-uuid.md"), "utf8")).toContain("MIT");
  expect(paths).toContain("dist/chunks/LICENSE-uuid.md");
});

test("it is small", () => {
  expect(packed?.size).toBeLessThan(380_000);
});
