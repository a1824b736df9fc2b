import { posix } from "node:path";
import { parseSync } from "rolldown/utils";

/** A file of the bundle. */
export interface BundledFile {
  /** The path in `dist/`. */
  readonly fileName: string;
  /** Whether users import the file, by a sub-path. */
  readonly isEntry: boolean;
  readonly code: string;
  /** The files that this file imports by `import()`. */
  readonly dynamicImports: readonly string[];
}

/**
 * Lets an application be bundled where optional peers are not installed. A file that other files load by `import()`,
 * such as an adapter, imports its peers statically. Bundlers refuse a missing package there, and accept it in an
 * `import()` within a `try` block. So the code of such a file becomes a function that takes the peers as arguments:
 *
 * - `chunks/adapters-sqs.js` has the function, `make`, and `load`, which imports the peers and calls `make`;
 * - `adapters/sqs/index.js`, for `queueport/sqs`, imports the peers statically and calls `make`.
 *
 * Returns every file by its path.
 */
export function loadPeersLazily(
  files: readonly BundledFile[],
  peers: readonly string[],
): Map<string, string> {
  const written = new Map(files.map(({ fileName, code }) => [fileName, code]));
  for (const fileName of new Set(files.flatMap(({ dynamicImports }) => dynamicImports))) {
    const parts = split(fileName, written.get(fileName) ?? "", peers);
    if (parts === undefined) continue;
    if (files.some((file) => file.fileName === fileName && file.isEntry)) written.set(fileName, parts.entry);
    else written.delete(fileName);
    written.set(parts.fileName, parts.code);
    for (const importer of files.filter(({ dynamicImports }) => dynamicImports.includes(fileName))) {
      const code = written.get(importer.fileName) ?? "";
      const load = `import("${pathTo(parts.fileName, importer.fileName)}").then((lazy) => lazy.load())`;
      const found = `import("${pathTo(fileName, importer.fileName)}")`;
      if (!code.includes(found)) throw new Error(`${importer.fileName} does not contain ${found}.`);
      written.set(importer.fileName, code.replaceAll(found, load));
    }
  }
  return written;
}

interface Parts {
  readonly entry: string;
  readonly fileName: string;
  readonly code: string;
}

function split(entryName: string, code: string, peers: readonly string[]): Parts | undefined {
  const { staticImports, staticExports } = parseSync(entryName, code).module;
  const ofPeers = staticImports.filter(({ moduleRequest }) => peers.includes(moduleRequest.value));
  if (ofPeers.length === 0) return undefined;
  const fileName = `chunks/${entryName
    .replace(/(?:\/index)?\.js$/, "")
    .replaceAll("/", "-")
    .replace(/^chunks-/, "with-")}.js`;

  const names = ofPeers.map(({ moduleRequest, entries }) => ({
    peer: moduleRequest.value,
    pairs: entries.map(({ importName, localName }) => {
      if (importName.kind === "NamespaceObject")
        throw new Error(`${entryName} imports a peer as a namespace.`);
      return [importName.name ?? "default", localName.value] as const;
    }),
  }));
  const exported = staticExports.flatMap(({ entries }) =>
    entries.map(({ exportName, localName }) => [exportName.name ?? "", localName.name ?? ""] as const),
  );
  const others = staticImports.filter((one) => !ofPeers.includes(one));
  const imports = others.map(({ start, end, moduleRequest }) =>
    moduleRequest.value.startsWith(".")
      ? `${code.slice(start, moduleRequest.start)}"${pathTo(posix.join(posix.dirname(entryName), moduleRequest.value), fileName)}";`
      : code.slice(start, end),
  );
  // From the end, so that the positions of the rest stay right.
  const body = [...staticImports, ...staticExports]
    .toSorted((one, other) => other.start - one.start)
    .reduce((text, { start, end }) => text.slice(0, start) + text.slice(end), code)
    .trim();

  const parameters = names.map((_, index) => `peer${index}`).join(", ");
  return {
    fileName,
    entry: `${ofPeers.map(({ start, end }) => code.slice(start, end)).join("\n")}
import { make } from "${pathTo(fileName, entryName)}";

const made = make(${names.map(({ pairs }) => object(pairs)).join(", ")});
${exported.map(([name]) => `export const ${name} = made.${name};`).join("\n")}
`,
    code: `${imports.join("\n")}

let made;

/** Takes the packages that this file needs. */
export function make(${parameters}) {
  return (made ??= define(${parameters}));
}

/** Imports these packages in a try block: bundlers then accept a package that is not installed. */
export async function load() {
  try {
    return make(${names.map(({ peer }) => `await import("${peer}")`).join(", ")});
  } catch (error) {
    throw error;
  }
}

function define(${parameters}) {
${names.map(({ pairs }, index) => `const ${object(pairs)} = peer${index};`).join("\n")}
${body}
return ${object(exported)};
}
`,
  };
}

function object(pairs: readonly (readonly [string, string])[]): string {
  return `{ ${pairs.map(([name, value]) => (name === value ? name : `${name}: ${value}`)).join(", ")} }`;
}

function pathTo(file: string, from: string): string {
  const path = posix.relative(posix.dirname(from), file);
  return path.startsWith(".") ? path : `./${path}`;
}
