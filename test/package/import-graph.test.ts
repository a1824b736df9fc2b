import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Provider, providers } from "../../adapters/registry.ts";
import { type Import, importsOf, read } from "../../scripts/imports.ts";
import { roomOf } from "../../scripts/layout.ts";
import { root } from "./support.ts";

const imports = importsOf("src", "adapters", "web", "cmd");

const isIn = (folder: string) => (file: string) => file.startsWith(`${folder}/`);
const inSrc = isIn("src");
const isFile = (to: string): boolean => to.endsWith(".ts");
/** `adapters/memory/driver.ts` → `memory`. `undefined` for a file outside the folders of adapters, such as open.ts. */
const adapterOf = (file: string): string | undefined => /^adapters\/([^/]+)\//.exec(file)?.[1];

/** `@scope/name@^3` → `@scope/name`. */
const packageName = (wanted: string): string => wanted.replace(/(?<=.)@.*/, "");

/** The packages that an adapter may load: those of its row in the registry, and undici, which is built in. */
function packagesOf(adapter: string | undefined): Set<string> {
  const row = (providers as Readonly<Record<string, Provider>>)[adapter ?? ""];
  const names = [...(row?.packages ?? []), ...(row?.optionalPackages ?? [])].map(packageName);
  return new Set(adapter === "sqs" ? [...names, "undici"] : names);
}

/** Whether a file is the configuration of an adapter, which loads zod and not the adapter. */
const isConfig = (file: string): boolean => adapterOf(file) !== undefined && file.endsWith("/config.ts");

/** The code that the adapters of databases share. Only they import it. */
const isShared = isIn("adapters/sql");
const ON_SQL: ReadonlySet<string> = new Set(["sqlite", "postgres", "redis"]);

/** Whether a file belongs to a job store, which stands beside the driver of the same technology. */
const isJobStore = (file: string): boolean => /^adapters\/[^/]+\/job-store\//.test(file);

/** The imports that break a rule, as readable lines. */
function offenders(isOffence: (one: Import) => boolean): string[] {
  return imports
    .filter(isOffence)
    .map(({ from, to, kind }) => `${from} → ${to}${kind === "dynamic" ? " (dynamic)" : ""}`);
}

test("read finds the imports of every form", () => {
  const source = `
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

/**
 * The rooms of `src/` (its folders and loose files), lowest first. A room imports only rooms that stand before it in this
 * list; `only` narrows that further.
 */
const ROOMS: readonly { readonly name: string; readonly only?: readonly string[] }[] = [
  { name: "lib" },
  { name: "errors.ts" },
  { name: "backoff.ts" },
  { name: "defaults.ts" },
  { name: "driver" },
  { name: "message" },
  { name: "diagnostics.ts" },
  { name: "queue" },
  { name: "worker" },
  { name: "metrics", only: ["lib", "errors.ts", "diagnostics.ts", "queue", "worker"] },
  {
    name: "jobs",
    only: [
      "lib",
      "errors.ts",
      "backoff.ts",
      "defaults.ts",
      "driver",
      "message",
      "diagnostics.ts",
      "queue",
      "worker",
    ],
  },
  { name: "transport", only: ["lib", "errors.ts", "backoff.ts", "driver", "message", "diagnostics.ts"] },
  {
    name: "send",
    only: ["lib", "errors.ts", "backoff.ts", "driver", "message", "diagnostics.ts", "queue", "transport"],
  },
  { name: "dead-letter" },
  { name: "receive" },
  { name: "delay" },
  { name: "delay-store", only: ["lib", "errors.ts", "delay"] },
  { name: "interop", only: ["lib", "errors.ts", "driver", "message"] },
  { name: "client" },
  { name: "testing" },
  { name: "conformance" },
  { name: "jobs/conformance", only: ["jobs", "conformance"] },
  { name: "index.ts" },
];
/** Rooms that are not on the way of a message. No room on the way imports them. */
const BESIDE: ReadonlySet<string> = new Set([
  "worker",
  "metrics",
  "jobs",
  "delay-store",
  "interop",
  "testing",
  "conformance",
]);

describe("the core", () => {
  test("imports only itself, and adapters/open.ts by one dynamic import", () => {
    const outwards = imports.filter(({ from, to }) => inSrc(from) && isFile(to) && !inSrc(to));
    expect(new Set(outwards.map(({ from, to }) => `${from} → ${to}`))).toEqual(
      new Set(["src/client/open-queue.ts → adapters/open.ts"]),
    );
    const loads = outwards.filter(({ typeOnly }) => !typeOnly).map(({ kind }) => kind);
    expect(loads).toEqual(["dynamic"]);
  });

  test("loads one part of itself on first use", () => {
    const dynamic = offenders(({ from, to, kind }) => inSrc(from) && inSrc(to) && kind === "dynamic");
    expect([...new Set(dynamic)]).toEqual([
      "src/client/lazy-receive.ts → src/client/receive-parts.ts (dynamic)",
    ]);
  });

  test("needs one package for its ids, and vitest for a binding of each conformance suite", () => {
    const isForeign = ({ from, to, typeOnly }: Import): boolean =>
      inSrc(from) && !isFile(to) && !to.startsWith("node:") && !typeOnly;
    const needed = new Set(imports.filter(isForeign).map(({ from, to }) => `${from} → ${to}`));
    expect([...needed].toSorted()).toEqual([
      "src/conformance/vitest.ts → vitest",
      "src/jobs/conformance/vitest.ts → vitest",
      "src/lib/ids.ts → uuid",
    ]);
  });

  test("has only rooms that the order names, and at most five loose files", () => {
    const rooms = new Set(imports.filter(({ from }) => inSrc(from)).map(({ from }) => roomOf(from)));
    const named = new Set(ROOMS.map(({ name }) => name));
    expect([...rooms].filter((room) => !named.has(room))).toEqual([]);
    expect([...named].filter((room) => room.endsWith(".ts")).length).toBeLessThanOrEqual(5);
  });

  test.each(ROOMS.map(({ name, only }, index) => ({ name, only, index })))(
    "$name imports only rooms below it",
    ({ name, only, index }) => {
      const isTop = name === "testing" || name === "conformance" || name === "index.ts";
      const below = new Set(
        only ??
          ROOMS.slice(0, index)
            .map((room) => room.name)
            .filter((room) => isTop || !BESIDE.has(room)),
      );
      const isUpwards = ({ from, to }: Import): boolean =>
        inSrc(from) && inSrc(to) && roomOf(from) === name && roomOf(to) !== name && !below.has(roomOf(to));
      expect(offenders(isUpwards)).toEqual([]);
    },
  );

  test("has no circular import between files, including imports of types", () => {
    const importsFrom = Map.groupBy(imports, ({ from }) => from);
    const next = (file: string): string[] => (importsFrom.get(file) ?? []).map(({ to }) => to);
    const circular = [...importsFrom.keys()].filter((file) => {
      const reached = new Set(next(file));
      for (const one of reached) for (const to of next(one)) reached.add(to);
      return inSrc(file) && reached.has(file);
    });
    expect(circular).toEqual([]);
  });
});

describe("an adapter", () => {
  test("imports only its own folder and src/driver, a job store the jobs, memory the limits of others, and databases what they share", () => {
    const isAllowed = (from: string, to: string): boolean =>
      to === "src/driver/index.ts" ||
      adapterOf(to) === adapterOf(from) ||
      (isConfig(from) && to === "adapters/config.ts") ||
      (isShared(to) && ON_SQL.has(adapterOf(from) ?? "")) ||
      (adapterOf(from) === "sqlite" && isIn("src/lib/sqlite")(to)) ||
      (from.endsWith("/inspect.ts") && to === "adapters/observation.ts") ||
      (isJobStore(from) && isIn("src/jobs")(to)) ||
      (isJobStore(from) && ["src/errors.ts", "src/lib"].some((room) => to.startsWith(room))) ||
      (adapterOf(from) === "memory" && adapterOf(to) !== undefined && to.endsWith("/limits.ts"));
    expect(
      offenders(({ from, to }) => adapterOf(from) !== undefined && isFile(to) && !isAllowed(from, to)),
    ).toEqual([]);
  });

  test("imports its own SDK and no other package", () => {
    const isAllowed = (from: string, to: string): boolean =>
      to.startsWith("node:") || packagesOf(adapterOf(from)).has(to) || (isConfig(from) && to === "zod");
    expect(
      offenders(({ from, to }) => adapterOf(from) !== undefined && !isFile(to) && !isAllowed(from, to)),
    ).toEqual([]);
  });

  test.each(Object.keys(providers))("%s has a config.ts and a limits.ts that load no SDK", (name) => {
    const [config, limits] = [`adapters/${name}/config.ts`, `adapters/${name}/limits.ts`];
    const loadedBy = (file: string): string[] =>
      imports.filter(({ from, typeOnly }) => from === file && !typeOnly).map(({ to }) => to);
    const allowed = new Set(["zod", "adapters/config.ts", limits]);
    expect(loadedBy(config).filter((to) => !allowed.has(to))).toEqual([]);
    expect(loadedBy(limits)).toEqual([]);
  });

  test("is loaded by registry.ts and stores.ts alone, by a literal import()", () => {
    const isRegistry = (file: string): boolean =>
      file === "adapters/registry.ts" || file === "adapters/stores.ts";
    const loads = imports.filter(
      ({ from, to }) => adapterOf(from) === undefined && adapterOf(to) !== undefined && !isConfig(to),
    );
    expect(loads.filter(({ typeOnly }) => !typeOnly).length).toBeGreaterThan(0);
    expect(
      loads
        .filter(({ from, kind, typeOnly }) => !typeOnly && !(isRegistry(from) && kind === "dynamic"))
        .map(({ from, to }) => `${from} → ${to}`),
    ).toEqual([]);
  });
});

test("the parts that stores on SQL share import only the driver, jobs and each other, and job stores alone import them", () => {
  const isOfStores = isIn("adapters/sql/job-store");
  const isAllowed = (to: string): boolean =>
    isOfStores(to) || to === "src/driver/index.ts" || to === "src/jobs/store/index.ts";
  const isOnSql = (file: string): boolean => ON_SQL.has(adapterOf(file) ?? "") && isJobStore(file);
  expect(offenders(({ from, to }) => isOfStores(from) && !isAllowed(to))).toEqual([]);
  expect(offenders(({ from, to }) => isOfStores(to) && !isOfStores(from) && !isOnSql(from))).toEqual([]);
});

test("web imports jobs and what they stand on, hono and zod, and nothing of an adapter", () => {
  const inWeb = isIn("web");
  const isAllowed = (to: string): boolean =>
    inWeb(to) ||
    /^src\/(?:lib|jobs|queue|message|worker|errors\.ts)(?:\/|$)/.test(to) ||
    ["hono", "@hono/node-server", "zod", "@standard-schema/spec"].includes(to) ||
    to.startsWith("node:");
  expect(offenders(({ from, to }) => inWeb(from) && !isAllowed(to))).toEqual([]);
  expect(offenders(({ from, to }) => inWeb(to) && !inWeb(from) && !isIn("cmd")(from))).toEqual([]);
});

test("no file outside cmd imports a command", () => {
  const inCmd = isIn("cmd");
  expect(offenders(({ from, to }) => inCmd(to) && !inCmd(from))).toEqual([]);
});

test("only the command line imports computed paths, for files of the user", () => {
  const computed = imports.filter(({ to, kind }) => kind === "dynamic" && to.startsWith("("));
  expect([...new Set(computed.map(({ from }) => from))]).toEqual(["cmd/lib/import-file.ts"]);
});
