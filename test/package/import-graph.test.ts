import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { closure, type Import, importsOf, read } from "./imports.ts";
import { root } from "./support.ts";

const imports = importsOf("src", "adapters", "cmd");

const isIn = (folder: string) => (file: string) => file.startsWith(`${folder}/`);
const inSrc = isIn("src");
const isFile = (to: string): boolean => to.endsWith(".ts");
/** `adapters/memory/driver.ts` → `memory`; undefined for what lies beside the adapters, such as open.ts. */
const adapterOf = (file: string): string | undefined => /^adapters\/([^/]+)\//.exec(file)?.[1];

/** The packages that each part may load beside Node's own. Types may come from anywhere that is installed. */
const packagesOfAdapter: Readonly<Record<string, readonly string[]>> = {
  memory: [],
  sqs: ["@aws-sdk/client-sqs", "undici"],
  pubsub: ["@google-cloud/pubsub", "@google-cloud/monitoring"],
  "service-bus": ["@azure/service-bus", "@azure/identity"],
};

/** The imports that break a rule, as lines that can be read. */
function offenders(isOffence: (one: Import) => boolean): string[] {
  return imports
    .filter(isOffence)
    .map(({ from, to, kind }) => `${from} → ${to}${kind === "dynamic" ? " (dynamic)" : ""}`);
}

test("every import is found, of whatever form", () => {
  const source = `
    import a, { type B } from "./a.ts";
import a, { type B } from "./a.ts";
import type { C } from "../c.ts";
import {
  type D,
  type E,
} from "pkg/deep";
import "@scope/name/side-effect";
export * from "./f.ts";
export { type G, h } from './g.ts';
/** import { no } from "./comment.ts"; */
const lazy = () => import("./lazy.ts"); // import("./also-a-comment.ts")
const what = import(name);
const required = createRequire(import.meta.url)("./no.ts") ?? require("./yes.cjs");
`;
  expect(read("src/x/y.ts", source).map(({ to, kind, typeOnly }) => [to, kind, typeOnly])).toEqual([
    ["src/x/a.ts", "static", false],
    ["src/c.ts", "static", true],
    ["pkg", "static", true],
    ["@scope/name", "static", false],
    ["src/x/f.ts", "static", false],
    ["src/x/g.ts", "static", false],
    ["src/x/lazy.ts", "dynamic", false],
    ["(name)", "dynamic", false],
    ["src/x/yes.cjs", "dynamic", false],
  ]);
});

test("every file that is imported exists", () => {
  expect(offenders(({ to }) => isFile(to) && !existsSync(join(root, to)))).toEqual([]);
});

describe("the core", () => {
  test("imports nothing but itself, and dynamically one part of it", () => {
    expect(offenders(({ from, to }) => inSrc(from) && isFile(to) && !inSrc(to))).toEqual([]);
    const dynamic = offenders(({ from, kind }) => inSrc(from) && kind === "dynamic");
    expect([...new Set(dynamic)]).toEqual(["src/load-consuming.ts → src/consuming.ts (dynamic)"]);
  });

  test("needs one package for its ids, and its metrics prom-client", () => {
    const isForeign = ({ from, to, typeOnly }: Import): boolean =>
      inSrc(from) && !isFile(to) && !to.startsWith("node:") && !typeOnly;
    const needed = new Set(
      imports.filter(isForeign).map(({ from, to }) => `${from.split("/").slice(0, 2).join("/")} → ${to}`),
    );
    expect([...needed].toSorted()).toEqual(["src/ids.ts → uuid", "src/metrics → prom-client"]);
  });

  test.each(["worker", "metrics", "testing"])(
    "%s knows the queue, and neither its insides nor a driver",
    (folder) => {
      const insides = ["driver", "send", "receive", "delay"].map((name) => `src/${name}/`);
      const isInside = (to: string): boolean =>
        insides.some((inside) => to.startsWith(inside)) ||
        ["src/core-queue.ts", "src/connection.ts"].includes(to);
      const inFolder = isIn(`src/${folder}`);
      expect(offenders(({ from, to }) => inFolder(from) && isInside(to))).toEqual([]);
      const files = imports.map(({ from }) => from).filter(inFolder);
      // A clock that is turned by hand has what consumes loaded, and uses nothing of it.
      const used = imports.filter(({ to }) => to !== "src/consuming.ts");
      expect([...closure(used, files)].filter(isInside)).toEqual([]);
    },
  );

  test("the way of a message has one direction", () => {
    const upwards: readonly (readonly [string, readonly string[]])[] = [
      ["src/driver", ["src/send/", "src/receive/", "src/delay/", "src/dead-letter/", "src/worker/"]],
      ["src/send", ["src/receive/", "src/dead-letter/", "src/worker/"]],
      ["src/receive", ["src/worker/"]],
    ];
    for (const [folder, above] of upwards) {
      const inFolder = isIn(folder);
      const isAbove = (to: string): boolean => above.some((name) => to.startsWith(name));
      expect(offenders(({ from, to }) => inFolder(from) && isAbove(to))).toEqual([]);
    }
  });
});

describe("an adapter", () => {
  test("comes through the one door, and knows no other adapter", () => {
    const isAllowed = (from: string, to: string): boolean =>
      to === "src/driver/index.ts" || adapterOf(to) === adapterOf(from);
    expect(
      offenders(({ from, to }) => adapterOf(from) !== undefined && isFile(to) && !isAllowed(from, to)),
    ).toEqual([]);
  });

  test("imports its own SDK and no other package", () => {
    const isAllowed = (from: string, to: string): boolean =>
      to.startsWith("node:") || (packagesOfAdapter[adapterOf(from) ?? ""] ?? []).includes(to);
    expect(
      offenders(({ from, to }) => adapterOf(from) !== undefined && !isFile(to) && !isAllowed(from, to)),
    ).toEqual([]);
  });

  test("is loaded by open.ts alone, by a literal import()", () => {
    const loads = imports.filter(
      ({ from, to }) => adapterOf(from) === undefined && adapterOf(to) !== undefined,
    );
    expect(loads.filter(({ typeOnly }) => !typeOnly).length).toBeGreaterThan(0);
    expect(
      loads
        .filter(
          ({ from, kind, typeOnly }) => !typeOnly && !(from === "adapters/open.ts" && kind === "dynamic"),
        )
        .map(({ from, to }) => `${from} → ${to}`),
    ).toEqual([]);
  });
});

test("nothing imports a command", () => {
  const inCmd = isIn("cmd");
  expect(offenders(({ from, to }) => inCmd(to) && !inCmd(from))).toEqual([]);
});

test("what is computed is imported by the command line alone, for files of the user's", () => {
  const computed = imports.filter(({ to, kind }) => kind === "dynamic" && to.startsWith("("));
  expect([...new Set(computed.map(({ from }) => from))]).toEqual(["cmd/import-file.ts"]);
});
