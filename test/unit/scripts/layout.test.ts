import { expect, test } from "vitest";
import { read } from "../../../scripts/imports.ts";
import { layoutOf } from "../../../scripts/layout.ts";

const sources: Readonly<Record<string, string>> = {
  "src/index.ts": 'export * from "./receive/receiver.ts";',
  "src/receive/receiver.ts": 'import { send } from "../send/sender.ts";\nimport "./run.ts";',
  "src/receive/run.ts": 'import "../errors.ts";',
  "src/send/sender.ts": 'import type { Run } from "../receive/run.ts";\nimport "../lib/clock.ts";',
  "src/lib/clock.ts": 'import "node:fs";',
  "src/errors.ts": "",
};
const files = Object.keys(sources);

test("rooms of one cycle are one floor, and every arrow between them leads back", () => {
  const { rooms, floors, arrowsBack } = layoutOf(
    files,
    files.flatMap((file) => read(file, sources[file] ?? "")),
  );
  expect(rooms).toEqual(["errors.ts", "index.ts", "lib", "receive", "send"]);
  expect(floors).toBe(3);
  expect(arrowsBack.map(({ from, to }) => [from, to])).toEqual([
    ["receive", "send"],
    ["send", "receive"],
  ]);
});

test("without a cycle no arrow leads back", () => {
  const imports = files.flatMap((file) => read(file, sources[file] ?? ""));
  const acyclic = imports.filter(({ typeOnly }) => !typeOnly);
  expect(layoutOf(files, acyclic)).toMatchObject({ floors: 4, arrowsBack: [] });
});
