import { globSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "./support.ts";

/** One import, export-from or dynamic import of a source file. */
export interface Import {
  /** The file that imports, from the root of the repository. */
  readonly from: string;
  /** The file that is imported, likewise, or the name of a package. */
  readonly to: string;
  readonly kind: "static" | "dynamic";
  /** Whether it is gone once types are stripped. */
  readonly typeOnly: boolean;
}

/** A string, a template or a comment: whichever begins first. Comments hold examples, which import too. */
const TOKEN = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
const STATIC = /^(?:(?:import|export)\b([^;"'`=()]*?)\bfrom\s*|import\s*)["']([^"']+)["']/gm;
const CALL = /\b(?:import|require)\s*\(([^)]*)\)/g;

/** Every import of every file below `folders`. */
export function importsOf(...folders: readonly string[]): Import[] {
  const files = globSync(
    folders.map((folder) => `${folder}/**/*.ts`),
    { cwd: root },
  );
  return files.flatMap((file) => read(file, readFileSync(join(root, file), "utf8")));
}

export function read(from: string, source: string): Import[] {
  const code = source.replaceAll(TOKEN, (token) => (token.startsWith("/") ? "" : token));
  const found: Import[] = [];
  const add = (specifier: string, kind: Import["kind"], typeOnly: boolean): void => {
    const relative = specifier.startsWith(".");
    const to = relative ? normalize(join(dirname(from), specifier)) : packageOf(specifier);
    found.push({ from, to, kind, typeOnly });
  };
  for (const [, clause = "", specifier = ""] of code.matchAll(STATIC)) {
    add(specifier, "static", isTypeOnly(clause));
  }
  for (const [, argument = ""] of code.matchAll(CALL)) {
    const literal = /^\s*["']([^"']+)["']\s*$/.exec(argument)?.[1];
    // What is computed may be anything: it is named as it stands.
    if (literal === undefined)
      found.push({ from, to: `(${argument.trim()})`, kind: "dynamic", typeOnly: false });
    else add(literal, "dynamic", false);
  }
  return found;
}

/** `import type { … }`, or only `type` names within braces. */
function isTypeOnly(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /\{([^}]*)\}/.exec(clause)?.[1];
  if (names === undefined || clause.replace(/\{[^}]*\}/, "").replaceAll(/[\s,]/g, "") !== "") return false;
  const list = names.split(",").filter((name) => name.trim() !== "");
  return list.length > 0 && list.every((name) => /^\s*type\b/.test(name));
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return specifier;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}
