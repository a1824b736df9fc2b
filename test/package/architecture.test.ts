import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf } from "../../scripts/imports.ts";
import { roomOf } from "../../scripts/layout.ts";
import { root } from "./support.ts";

const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
const paths = new Set(
  [...page.matchAll(/`((?:src|adapters|servers|cmd|test|docs|examples|bench|scripts)\/[^`<]*)`/g)].map(
    ([, path = ""]) => path,
  ),
);

describe("ARCHITECTURE.md", () => {
  test("names files and folders that exist", () => {
    expect(paths.size).toBeGreaterThan(50);
    expect([...paths].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("names every file on the way of a message", () => {
    const onTheWay = globSync("src/{send,receive,transport}/*.ts", { cwd: root });
    expect(onTheWay.length).toBeGreaterThan(20);
    expect(onTheWay.filter((file) => !paths.has(file))).toEqual([]);
  });

  test("lists every room of the core, in an order in which imports point back only", () => {
    const start = page.indexOf("\n## Rooms\n");
    const rows = page.slice(start, page.indexOf("\n## ", start + 1)).match(/^\| `.*/gm) ?? [];
    const listed = rows.flatMap((row) =>
      [...row.matchAll(/`src\/([\w./-]+?)\/?`/g)].map(([, room = ""]) => room),
    );
    const rooms = globSync("src/**/*.ts", { cwd: root }).map(roomOf);
    expect(new Set(listed)).toEqual(new Set(rooms));
    const room = (file: string): number => listed.indexOf(roomOf(file));
    const back = importsOf("src").filter(({ from, to }) => to.startsWith("src/") && room(to) > room(from));
    expect(back.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
  });
});
