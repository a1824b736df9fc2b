import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type EcmaScriptModule, parseSync, Visitor } from "oxc-parser";

/** One import, export-from, dynamic import or `require` of a source file. */
export interface Import {
  /** The file that imports, relative to the root of the repository. */
  readonly from: string;
  /** The imported file, relative to the root; or the name of a package; or, in parentheses, a computed value. */
  readonly to: string;
  readonly kind: "static" | "dynamic";
  /** Whether the import is gone once types are stripped. */
  readonly typeOnly: boolean;
}

const root = fileURLToPath(new URL("..", import.meta.url));

/** Reads every import of every TypeScript file below `folders`, which are relative to the root. */
export function importsOf(...folders: readonly string[]): Import[] {
  const files = globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  );
  return files.flatMap((file) => read(file, readFileSync(join(root, file), "utf8")));
}

/** Reads the imports of one file, in the order of the source. */
export function read(from: string, source: string): Import[] {
  const { module, program, errors } = parseSync(from, source);
  if (errors.length > 0) throw new Error(`${from}: ${errors.map(({ message }) => message).join("; ")}`);
  const found: (Import & { readonly start: number })[] = staticImports(module).map(
    ({ start, specifier, typeOnly }) => ({
      from,
      to: resolve(from, specifier),
      kind: "static",
      typeOnly,
      start,
    }),
  );
  const addDynamic = (start: number, argument: string, typeOnly: boolean): void => {
    const literal = /^["'](.+)["']$/.exec(argument)?.[1];
    const to = literal === undefined ? `(${argument})` : resolve(from, literal);
    found.push({ from, to, kind: "dynamic", typeOnly, start });
  };
  new Visitor({
    ImportExpression: ({ start, source: { start: begin, end } }) =>
      addDynamic(start, source.slice(begin, end), false),
    TSImportType: ({ start, source: { start: begin, end } }) =>
      addDynamic(start, source.slice(begin, end), true),
    CallExpression: ({ start, callee, arguments: [argument] }) => {
      const isRequire = callee.type === "Identifier" && callee.name === "require";
      if (isRequire && argument !== undefined)
        addDynamic(start, source.slice(argument.start, argument.end), false);
    },
  }).visit(program);
  return found
    .toSorted((one, other) => one.start - other.start)
    .map(({ to, kind, typeOnly }) => ({ from, to, kind, typeOnly }));
}

interface Static {
  readonly start: number;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function staticImports({ staticImports: imports, staticExports: exports }: EcmaScriptModule): Static[] {
  return [
    ...imports.map(({ start, moduleRequest, entries }) => ({
      start,
      specifier: moduleRequest.value,
      typeOnly: entries.length > 0 && entries.every(({ isType }) => isType),
    })),
    ...exports.flatMap(({ start, entries }) => {
      const specifier = entries[0]?.moduleRequest?.value;
      if (specifier === undefined) return [];
      return [{ start, specifier, typeOnly: entries.every(({ isType }) => isType) }];
    }),
  ];
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith(".")) return normalize(join(dirname(from), specifier));
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
