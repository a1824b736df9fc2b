import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { providers } from "../../adapters/registry.ts";
import { manifest, root } from "./support.ts";

const page = readFileSync(join(root, "docs/dependencies.md"), "utf8");

/** The packages in the table below a heading, each with the other cells of its row. */
function documented(heading: string): Map<string, string[]> {
  const [section = ""] = page.slice(page.indexOf(`## ${heading}\n`) + 3).split("\n## ");
  const rows = [...section.matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)];
  return new Map(rows.map(([, name = "", rest = ""]) => [name, rest.split("|").map((cell) => cell.trim())]));
}

const thirdParty = readFileSync(join(root, "THIRD-PARTY.md"), "utf8");
const inBundle = new Set([...thirdParty.matchAll(/^## (\S+) /gm)].map(([, name = ""]) => name));
const peers = Object.keys(manifest.peerDependencies);
const others = Object.keys(manifest.devDependencies).filter((name) => !peers.includes(name));

describe("docs/dependencies.md", () => {
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ["Installed with queueport", Object.keys(manifest.dependencies)],
    ["Built in", others.filter((name) => inBundle.has(name))],
    ["Optional peers", peers],
    ["Development", others.filter((name) => !inBundle.has(name))],
  ];

  test.each(sections)("names every package of the section %s, and no other", (heading, expected) => {
    expect([...documented(heading).keys()].toSorted()).toEqual(expected.toSorted());
  });

  test.each(sections)("gives purpose and reason for each package of the section %s", (heading) => {
    for (const [name, [purpose, , reason]] of documented(heading)) {
      expect([name, purpose !== "", reason !== ""]).toEqual([name, true, true]);
    }
  });
});

describe("package.json", () => {
  test("fixes the version of every dependency", () => {
    const chosen = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(
      Object.entries(chosen).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)),
    ).toEqual([]);
  });

  test("has every package of a provider among its peers", () => {
    const rows = Object.values(providers);
    const wanted = rows.flatMap(({ packages, optionalPackages = [] }) => [...packages, ...optionalPackages]);
    const names = wanted.map((one) => one.replace(/(?<=.)@.*/, ""));
    expect(names.filter((name) => !peers.includes(name))).toEqual([]);
  });

  test("makes every peer optional, and has it as a development dependency for the tests", () => {
    for (const name of peers) {
      expect([name, manifest.peerDependenciesMeta[name]?.optional]).toEqual([name, true]);
      expect(Object.keys(manifest.devDependencies)).toContain(name);
    }
  });

  test("names no address that does not exist", () => {
    expect(readFileSync(join(root, "package.json"), "utf8")).not.toMatch(/\.invalid|example\.(?:com|org)/);
  });
});
