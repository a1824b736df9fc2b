import { globSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";

/** Deletes the declarations in `folder` that none of the declarations `entries` needs, directly or indirectly. */
export function pruneDeclarations(folder: string, entries: readonly string[]): void {
  const needed = new Set(entries);
  for (const file of needed) for (const imported of importsOf(file)) needed.add(imported);
  for (const file of globSync("**/*.d.ts", { cwd: folder }))
    if (!needed.has(join(folder, file))) rmSync(join(folder, file));
}

const RELATIVE = /(?:\bfrom\s*|\bimport\s*\(?\s*)["'](\.[^"']+)["']/g;

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  return [...text.matchAll(RELATIVE)].map(([, path = ""]) =>
    join(dirname(file), path.replace(/\.(?:ts|js)$/, ".d.ts")),
  );
}
