import { expect, test } from "vitest";
import { conformanceCases, manifest } from "../../../src/conformance/index.ts";

test.each(manifest())("a case proves the line $id", ({ cases }) => {
  expect(cases).not.toEqual([]);
});

test("every case proves a line of its own group", () => {
  const groupOf = new Map(manifest().map(({ id, group }) => [id, group]));
  const astray = conformanceCases().filter(({ line, group }) => groupOf.get(line) !== group);
  expect(astray.map(({ name }) => name)).toEqual([]);
});

test("no two cases and no two lines have one name", () => {
  const names = conformanceCases().map(({ name }) => name);
  const ids = manifest().map(({ id }) => id);
  expect(new Set(names).size).toBe(names.length);
  expect(new Set(ids).size).toBe(ids.length);
});
