import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./support.ts";

const page = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");
const paths = new Set(
  [...page.matchAll(/`((?:src|adapters|cmd|test|docs|examples|bench)\/[^`<]*)`/g)].map(
    ([, path = ""]) => path,
  ),
);

test("ARCHITECTURE.md names files and folders that exist", () => {
  expect(paths.size).toBeGreaterThan(30);
  expect([...paths].filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("it names every folder of the core", () => {
  const folders = new Set(globSync("src/*/*.ts", { cwd: root }).map((file) => dirname(file)));
  const unnamed = [...folders].filter((folder) => ![...paths].some((path) => path.startsWith(folder)));
  expect(unnamed).toEqual([]);
});

test("it names every file on the way of a message", () => {
  const isNamed = (file: string): boolean => page.includes(`\`${file}\``);
  const onTheWay = globSync("src/{send,receive}/*.ts", { cwd: root });
  // What these hold is part of a neighbour that is named.
  const parts = ["crash-loop", "fit", "leased", "options", "pending"].map(
    (name) => new RegExp(`/${name}\\.ts$`),
  );
  expect(onTheWay.filter((file) => !isNamed(file) && !parts.some((part) => part.test(file)))).toEqual([]);
});
