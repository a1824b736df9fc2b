import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./support.ts";

/** A TypeScript block of a page. */
export interface Snippet {
  /** The name that its first line gives it; `hello.mts` for the program of the README, which has no such line. */
  readonly file: string;
  readonly code: string;
  /** The text block that follows it, before the next block of code; empty if there is none. */
  readonly prints: string;
}

/** A Markdown page, whose snippets together are one application. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly snippets: readonly Snippet[];
  /** Contents of the JSON blocks, by the file name in the line above each. */
  readonly json: ReadonlyMap<string, string>;
  /** Contents of the YAML blocks, by the file name in the first line of each. */
  readonly yaml: ReadonlyMap<string, string>;
  /** Command lines of the shell blocks. */
  readonly commands: readonly string[];
}

const FENCE = /^```(\w+)\n([\s\S]*?)^```$/gm;

/** Fenced blocks of one language, in order. */
export function blocks(text: string, language: string): string[] {
  return [...text.matchAll(FENCE)].filter(([, name]) => name === language).map(([, , code = ""]) => code);
}

export function readPage(path: string): Page {
  const text = readFileSync(join(root, path), "utf8");
  const snippets: Snippet[] = [];
  for (const [, language, code = ""] of text.matchAll(FENCE)) {
    const last = snippets.at(-1);
    if (language === "ts") {
      const file = /^\/\/ (\S+\.m?ts)\n/.exec(code)?.[1] ?? "hello.mts";
      snippets.push({ file, code, prints: "" });
    } else if (language === "text" && last !== undefined) {
      snippets[snippets.length - 1] = { ...last, prints: code };
    }
  }
  const json = new Map(
    [...text.matchAll(/^`([\w.]+\.json)`:\n\n```json\n([\s\S]*?)^```$/gm)].map(([, file = "", code = ""]) => [
      file,
      code,
    ]),
  );
  const yaml = new Map(
    blocks(text, "yaml").flatMap((code) => {
      const [, file] = /^# (\S+\.yaml)\n/.exec(code) ?? [];
      return file === undefined ? [] : [[file, code] as const];
    }),
  );
  const commands = blocks(text, "sh").flatMap((block) => block.trim().split("\n"));
  return { path, text, snippets, json, yaml, commands };
}

/** The README and all guides. */
export const pages: readonly Page[] = [
  "README.md",
  ...globSync("docs/guide/*.md", { cwd: root }).toSorted(),
].map(readPage);

/** Names of the files that a snippet imports, without `./`. */
export function importsOf({ code }: Snippet): string[] {
  return [...code.matchAll(/from "\.\/([^"]+)"/g)].map(([, file = ""]) => file);
}

/** Packages that a snippet imports, but queueport. */
export function packagesOf({ code }: Snippet): string[] {
  return [...code.matchAll(/from "((?:@[\w-]+\/)?[\w-]+)[^"]*"/g)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "queueport" && name !== "node");
}

/** Writes the files of a page into a folder of their own below `path`, and returns that folder. */
export function writePage({ path: page, snippets, json, yaml }: Page, path: string): string {
  const folder = join(path, basename(page, ".md"));
  mkdirSync(folder, { recursive: true });
  for (const { file, code } of snippets) writeFileSync(join(folder, file), code);
  for (const [file, code] of [...json, ...yaml]) writeFileSync(join(folder, file), code);
  return folder;
}

/** Snippets that are run on their own: no other snippet imports them, no command of the page names them. */
export function programsOf({ snippets, commands }: Page): Snippet[] {
  const imported = new Set(snippets.flatMap(importsOf));
  const isUsed = ({ file }: Snippet): boolean =>
    imported.has(file) || file.endsWith(".config.ts") || commands.some((line) => line.includes(`./${file}`));
  return snippets.filter((snippet) => !isUsed(snippet));
}
