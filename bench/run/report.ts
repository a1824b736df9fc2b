import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import Table from "cli-table3";
import pc from "picocolors";
import { type Benchmark, type Figure, median, type Result, type Rounds, valuesOf } from "./benchmark.ts";

const PAGE = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

const UNITS: Readonly<Record<Figure, string>> = {
  rate: "messages/s",
  cpuMicros: "CPU µs/message",
  medianMs: "ms, median",
  p99Ms: "ms, p99",
  mib: "MiB more",
  rssMiB: "RSS MiB",
  requests: "requests/message",
  messages: "messages",
};

/** Figures of the further columns, if a contender has them. */
const FURTHER: readonly Figure[] = ["rate", "medianMs", "p99Ms", "cpuMicros", "requests", "mib", "rssMiB"];

/** Describes a benchmark on a terminal: a table of the contenders, and a line per threshold. */
export function describeBenchmark(benchmark: Benchmark, rounds: Rounds, results: readonly Result[]): string {
  const { name, server } = benchmark;
  const [head = [], ...rows] = rowsOf(benchmark, rounds);
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: head.map((_, index) => (index === 0 ? "left" : "right")),
  });
  table.push(...rows);
  const at = server === undefined ? "" : ` (${server.name})`;
  return [pc.bold(`${name}${at}`), table.toString(), ...results.map(line), ""].join("\n");
}

function line({ name, value, ratio, threshold, holds }: Result): string {
  const outcome = holds ? pc.green("holds") : pc.red("fails");
  return `  ${outcome}  ${name}: ${number(ratio ?? value)} (${threshold})`;
}

/** Writes a benchmark into `docs/performance.md`, between the comments with its name. */
export function writeFigures(benchmark: Benchmark, rounds: Rounds, results: readonly Result[]): void {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [`<!-- bench: ${benchmark.name} -->`, "<!-- end -->"];
  const from = page.indexOf(begin);
  const to = page.indexOf(end, from);
  if (from < 0 || to < 0)
    throw new Error(`docs/performance.md has no section for "${benchmark.name}". Add the line ${begin}.`);
  const figures = `${begin}\n\n${markdownTable(benchmark, rounds)}\n\n${results.map(listItem).join("\n")}\n\n`;
  writeFileSync(PAGE, `${page.slice(0, from)}${figures}${page.slice(to)}`);
  spawnSync("npx", ["oxfmt", PAGE], { stdio: "ignore" });
}

function markdownTable(benchmark: Benchmark, rounds: Rounds): string {
  const [head = [], ...rows] = rowsOf(benchmark, rounds);
  const aligned = head.map((_, index) => (index === 0 ? "---" : "---:"));
  return [head, aligned, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function listItem({ name, value, ratio, threshold, holds }: Result): string {
  const limit = threshold.replace("<=", "≤").replace(">=", "≥");
  return `- ${name}: **${number(ratio ?? value)}**, threshold ${limit}: ${holds ? "holds" : "does not hold"}`;
}

/** Returns the table of a benchmark: the column titles, and a row per contender. */
function rowsOf({ contenders, shown = "rate" }: Benchmark, rounds: Rounds): string[][] {
  const middle = (contender: string, figure: Figure): number => median(valuesOf(rounds, contender, figure));
  const further = FURTHER.filter(
    (figure) => figure !== shown && contenders.some(({ name }) => !Number.isNaN(middle(name, figure))),
  );
  const rows = contenders.map(({ name }) => {
    const values = valuesOf(rounds, name, shown);
    const figures = [median(values), Math.min(...values), Math.max(...values)];
    return [name, ...[...figures, ...further.map((figure) => middle(name, figure))].map(number)];
  });
  return [["", UNITS[shown], "min", "max", ...further.map((figure) => UNITS[figure])], ...rows];
}

function number(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
