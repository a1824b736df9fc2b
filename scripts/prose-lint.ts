import { globSync, readFileSync } from "node:fs";
import { type Finding, lint } from "./prose-lint-rules.ts";
import { type Text, textsOfMarkdown, textsOfSource } from "./prose-lint-texts.ts";

/**
 * Looks for prose that is hard to read: in comments, Markdown, test names and help texts.
 * `npm run lint:prose [-- <path> …] [-- --count]`, from the root of the repository.
 */

const COMMENTED = ["src", "adapters", "servers", "cmd", "web", "examples", "bench", "scripts"];
const MARKDOWN = ["*.md", "{docs,examples,.github}/**/*.md"];
const GENERATED = new Set(["THIRD-PARTY.md"]);

/** Findings that are right as they are. Each has the reason. */
const ALLOWED: readonly { readonly file: string; readonly text: string; readonly reason: string }[] = [
  { file: "scripts/prose-lint-rules.ts", text: "", reason: "quotes the phrases that it looks for" },
];

/** Reads one file of the repository. */
export function lintFile(file: string, source: string): Finding[] {
  const findings = textsOf(file, source).flatMap((text) => lint(text, { names: file !== "CHANGELOG.md" }));
  return findings.filter(
    ({ excerpt }) => !ALLOWED.some((one) => file === one.file && excerpt.includes(one.text)),
  );
}

function textsOf(file: string, source: string): Text[] {
  if (file === "CHANGELOG.md") return textsOfMarkdown(unreleased(source));
  if (file.endsWith(".md")) return textsOfMarkdown(source);
  return textsOfSource(file, source, {
    comments: COMMENTED.some((folder) => file.startsWith(`${folder}/`)),
    tests: file.startsWith("test/") || file.startsWith("src/conformance/"),
    help: file.startsWith("cmd/") || file.startsWith("bench/"),
  });
}

/** Blanks all of a changelog but the section of what is not released yet. */
function unreleased(source: string): string {
  const begin = source.search(/^## \[?Unreleased/im);
  if (begin < 0) return "";
  const length = source.slice(begin + 3).search(/^## /m);
  const end = length < 0 ? source.length : begin + 3 + length;
  return source.slice(0, begin).replaceAll(/[^\n]/g, "") + source.slice(begin, end);
}

function filesIn(paths: readonly string[]): string[] {
  const sources = [...COMMENTED, "test"].map((folder) => `${folder}/**/*.{ts,mts,tsx,mjs,js}`);
  const exclude = (path: string): boolean => path.endsWith("node_modules") || path.endsWith("dist");
  const isWanted = (file: string): boolean =>
    paths.length === 0 || paths.some((path) => file === path || file.startsWith(`${path}/`));
  return globSync([...MARKDOWN, ...sources], { exclude })
    .filter((file) => !GENERATED.has(file) && isWanted(file))
    .toSorted();
}

/** `src/send/sender.ts` → `src/send`; a loose file counts for its folder. */
function folderOf(file: string): string {
  return file.split("/").slice(0, -1).slice(0, 2).join("/") || ".";
}

if (import.meta.main) {
  const args = process.argv.slice(2);
  const paths = args
    .filter((arg) => !arg.startsWith("--"))
    .map((path) => path.replace(/^\.\//, "").replace(/\/$/, ""));
  const counts = new Map<string, number>();
  let lines = "";
  for (const file of filesIn(paths)) {
    for (const { line, message, excerpt } of lintFile(file, readFileSync(file, "utf8"))) {
      const folder = folderOf(file);
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
      lines += `${file}:${line}: ${message}${message.includes(excerpt) ? "" : ` (${excerpt})`}\n`;
    }
  }
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const table = Array.from(counts, ([folder, count]) => `${String(count).padStart(6)} ${folder}\n`);
  process.stdout.write(
    args.includes("--count") ? `${table.join("")}${String(total).padStart(6)} in all\n` : lines,
  );
  process.exitCode = total === 0 ? 0 : 1;
}
