import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A package of which code is built into `dist/`. */
export interface BuiltIn {
  readonly name: string;
  readonly folder: string;
}

/** The package that a module belongs to. `undefined` for a module of queueport and for one that the bundler makes. */
export function packageOf(moduleId: string): BuiltIn | undefined {
  if (moduleId.startsWith("\0")) return undefined;
  const path = moduleId.replaceAll("\\", "/");
  const [folder, name] = /^\/?.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? [];
  return folder === undefined || name === undefined ? undefined : { name, folder };
}

/**
 * The page `THIRD-PARTY.md`: name, version and licence text of each package that one of `moduleIds` belongs to. Throws
 * if a package has no licence text, since such a package may not be built in.
 */
export function thirdPartyPage(moduleIds: readonly string[]): string {
  const builtIn = new Map(
    moduleIds
      .map(packageOf)
      .flatMap((found) => (found === undefined ? [] : [[found.folder, found] as const])),
  );
  // One version of a package may be installed in several folders.
  const sections = [...new Set([...builtIn.values()].map(section))].toSorted((one, other) =>
    one < other ? -1 : 1,
  );
  return `# Third-party software

The files in \`dist/\` contain code of the packages below. Each package is under its own licence.

${sections.join("\n")}`;
}

const LICENCE_FILE = /^(?:licen[cs]e|copying|notice)\b/i;

function section({ name, folder }: BuiltIn): string {
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    readonly version: string;
    readonly license?: string;
  };
  const texts = readdirSync(folder)
    .filter((file) => LICENCE_FILE.test(file))
    .map((file) => readFileSync(join(folder, file), "utf8").trim());
  if (license === undefined || texts.length === 0)
    throw new Error(`${name} ${version} cannot be built in: there is no licence in ${folder}.`);
  const quoted = texts.map((text) => text.replaceAll(/^(?=.)/gm, "    ")).join("\n\n---\n\n");
  return `## ${name} ${version}\n\nLicence: ${license}\n\n${quoted}\n`;
}
