import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { root } from "./support.ts";

type Section = "dependencies" | "peerDependencies" | "devDependencies";
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Readonly<
  Record<Section, Readonly<Record<string, string>>>
> & { readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>> };
const page = readFileSync(join(root, "docs/dependencies.md"), "utf8");

/** The packages in the table below a heading, and what is said of each. */
function documented(heading: string): Map<string, string[]> {
  const [section = ""] = page.slice(page.indexOf(`## ${heading}\n`) + 3).split("\n## ");
  const rows = [...section.matchAll(/^\| `([^`]+)` *\|(.*)\|$/gm)];
  return new Map(rows.map(([, name = "", rest = ""]) => [name, rest.split("|").map((cell) => cell.trim())]));
}

const names = (section: Section): string[] => Object.keys(manifest[section]).toSorted();

describe("docs/dependencies.md", () => {
  const peers = documented("Optional peers");

  test.each([
    ["Dependencies", names("dependencies")],
    ["Optional peers", names("peerDependencies")],
    ["Development dependencies", names("devDependencies").filter((name) => !peers.has(name))],
  ])("%s: names every package, and no other", (heading, expected) => {
    expect([...documented(heading).keys()].toSorted()).toEqual(expected);
  });

  test.each(["Dependencies", "Optional peers", "Development dependencies"])(
    "%s: says what and why",
    (heading) => {
      for (const [name, [what, , why]] of documented(heading)) {
        expect([name, what !== "", why !== ""]).toEqual([name, true, true]);
      }
    },
  );
});

describe("package.json", () => {
  test("fixes every version that we choose", () => {
    const chosen = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.entries(chosen).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  test("makes every SDK an optional peer, and has it for the tests", () => {
    for (const name of names("peerDependencies")) {
      expect([name, manifest.peerDependenciesMeta[name]?.optional]).toEqual([name, true]);
      expect(names("devDependencies")).toContain(name);
    }
  });
});
