import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import { parseSync } from "rolldown/utils";
import { describe, expect, test } from "vitest";
import { manifest, root } from "./support.ts";

interface Packed {
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}
const packing = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
  cwd: root,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "ignore"],
});
/** An array of one package in some versions of npm, an object by the name of the package in others. */
const [packed] = Object.values(JSON.parse(packing) as Readonly<Record<string, Packed>>);
const paths = packed?.files.map(({ path }) => path) ?? [];
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const code = paths.filter((path) => path.endsWith(".js"));

/** The packages that a published file imports: neither files of this package nor parts of Node. */
function packagesIn(path: string): string[] {
  const text = textOf(path);
  const { staticImports, staticExports, dynamicImports } = parseSync(path, text).module;
  const specifiers = [
    ...staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...staticExports.flatMap(({ entries }) => entries.map((entry) => entry.moduleRequest?.value ?? ".")),
    // A computed specifier names a file of the user.
    ...dynamicImports.map(
      ({ moduleRequest: { start, end } }) => /^"(.*)"$/.exec(text.slice(start, end))?.[1] ?? ".",
    ),
  ];
  return specifiers.filter(
    (specifier) => !/^\.|^node:/.test(specifier) && !builtinModules.includes(specifier),
  );
}

describe("the tarball", () => {
  test("holds code with its types, the licences, and the pages that the README links to", () => {
    const others = paths.filter((path) => !/^dist\/.*\.(js|d\.ts)$|^[^/]+$|^docs\/.*\.md$/.test(path));
    expect(others, "no source maps, whose sources are not published, and no tests").toEqual([]);
    // Pages for contributors, and the examples, are in the repository only.
    const isForUsers = (page: string): boolean => !/^(?:[A-Z]+\.md|examples\/|docs\/decisions\/)/.test(page);
    const pages = [...textOf("README.md").matchAll(/\]\((?!https?:)([^)#]+\.md)\)/g)]
      .map(([, page = ""]) => page)
      .filter(isForUsers);
    expect(pages.length).toBeGreaterThan(5);
    expect(paths).toEqual(expect.arrayContaining([...pages, "LICENSE", "THIRD-PARTY.md"]));
  });

  test("holds code that imports only Node's modules and optional peers", () => {
    const peers = Object.keys(manifest.peerDependencies);
    const imported = code.flatMap(packagesIn);
    expect(imported.filter((name) => !peers.includes(name))).toEqual([]);
    expect(imported).toContain("@aws-sdk/client-sqs");
    // A require that remains in built-in code would fail in a CommonJS bundle, also one of Node's own modules.
    expect(code.filter((path) => textOf(path).includes("__require("))).toEqual([]);
  });

  test("holds types that refer only to Node, to the dependencies and to optional peers", () => {
    const installed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    const imported = paths.filter((path) => path.endsWith(".d.ts")).flatMap(packagesIn);
    expect(imported.filter((name) => !installed.includes(name))).toEqual([]);
    expect(imported).toContain("@standard-schema/spec");
  });

  test("names every package that is built in, with its version and its licence", () => {
    const page = textOf("THIRD-PARTY.md");
    // The bundler begins the code of each module with a comment that names its file.
    const comment = /^\/\/ (?:\.\.\/)*(node_modules\/(?:.*\/node_modules\/)?((?:@[^/\n]+\/)?[^/\n]+))\//gm;
    const builtIn = new Map(
      code.flatMap((path) =>
        [...textOf(path).matchAll(comment)].map(([, folder = "", name = ""]) => [folder, name]),
      ),
    );
    expect([...builtIn.values()]).toEqual(expect.arrayContaining(["uuid", "undici", "zod", "commander"]));
    const versions = [...builtIn].map(([folder, name]) => {
      const { version } = JSON.parse(textOf(`${folder}/package.json`)) as { readonly version: string };
      const licences = readdirSync(join(root, folder)).filter((file) => /^licen[cs]e/i.test(file));
      const lines = licences.flatMap((file) => textOf(`${folder}/${file}`).split("\n"));
      expect([name, licences.length > 0]).toEqual([name, true]);
      expect([name, lines.filter((line) => !page.includes(line.trim()))]).toEqual([name, []]);
      return `## ${name} ${version}`;
    });
    expect(page.match(/^## .*/gm)?.toSorted()).toEqual([...new Set(versions)].toSorted());
  });

  test("is smaller than 1.3 MB", () => {
    expect(packed?.size).toBeLessThan(1_300_000);
  });
});

describe("an installation", () => {
  interface Locked {
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const { packages } = JSON.parse(textOf("package-lock.json")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const installed = new Set(Object.keys(manifest.dependencies));
  for (const name of installed) {
    const { dependencies, optionalDependencies } = packages[`node_modules/${name}`] ?? {};
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) installed.add(needed);
  }

  test("is two packages, this one included", () => {
    expect([...installed]).toEqual(["@standard-schema/spec"]);
    for (const name of installed) expect(packages).toHaveProperty([`node_modules/${name}`]);
  });

  test("takes less than 6 MB", () => {
    const sizes = [...installed].flatMap((name) => {
      const folder = join(root, "node_modules", name);
      return readdirSync(folder, { recursive: true, encoding: "utf8" }).map(
        (file) => statSync(join(folder, file)).size,
      );
    });
    const bytes = sizes.reduce((sum, size) => sum + size, packed?.unpackedSize ?? Number.NaN);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(6_000_000);
  });
});
