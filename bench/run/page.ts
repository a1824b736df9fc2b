import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Contest, Rounds, Verdict } from "./contest.ts";
import { number, rowsOf } from "./report.ts";

const PAGE = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

/** Puts a contest's figures into its place on the page: between the comments that name it. */
export function writeFigures(contest: Contest, rounds: Rounds, verdicts: readonly Verdict[]): void {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [`<!-- bench: ${contest.name} -->`, "<!-- end -->"];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has no place for "${contest.name}".`);
  const figures = `${begin}\n\n${table(contest, rounds)}\n\n${verdicts.map(sentence).join("\n")}\n\n`;
  writeFileSync(PAGE, `${page.slice(0, from)}${figures}${page.slice(to)}`);
  spawnSync("npx", ["oxfmt", PAGE], { stdio: "ignore" });
}

function table(contest: Contest, rounds: Rounds): string {
  const [head = [], ...rows] = rowsOf(contest, rounds);
  const aligned = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [head, aligned, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function sentence({ name, value, ratio, bar, holds }: Verdict): string {
  return `- ${name}: **${number(ratio ?? value)}**, bar ${bar.replace("<=", "≤").replace(">=", "≥")}: ${holds ? "holds" : "does not hold"}`;
}
