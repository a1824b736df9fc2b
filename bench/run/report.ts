import Table from "cli-table3";
import pc from "picocolors";
import { type Contest, type Figure, median, type Rounds, valuesOf, type Verdict } from "./contest.ts";

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

/** What else is shown, where a side has it. */
const BESIDE: readonly Figure[] = ["rate", "medianMs", "p99Ms", "cpuMicros", "requests", "mib", "rssMiB"];

/** A contest for people: what each side reached, and which bars hold. */
export function describeContest(contest: Contest, rounds: Rounds, verdicts: readonly Verdict[]): string {
  const { name, server, sides, shown = "rate" } = contest;
  const middle = (side: string, figure: Figure): number => median(valuesOf(rounds, side, figure));
  const beside = BESIDE.filter(
    (figure) => figure !== shown && sides.some((side) => !Number.isNaN(middle(side.name, figure))),
  );
  const table = new Table({
    head: ["", UNITS[shown], "min", "max", ...beside.map((figure) => UNITS[figure])],
    style: { head: [], border: [] },
    colAligns: ["left", ...Array.from({ length: 3 + beside.length }, () => "right" as const)],
  });
  for (const side of sides) {
    const values = valuesOf(rounds, side.name, shown);
    const figures = [median(values), Math.min(...values), Math.max(...values)];
    const others = beside.map((figure) => middle(side.name, figure));
    table.push([side.name, ...[...figures, ...others].map(number)]);
  }
  const at = server === undefined ? "" : ` (${server.name})`;
  return [pc.bold(`${name}${at}`), table.toString(), ...verdicts.map(line), ""].join("\n");
}

function line({ name, value, ratio, bar, holds }: Verdict): string {
  const mark = holds ? pc.green("holds") : pc.red("fails");
  return `  ${mark}  ${name}: ${number(ratio ?? value)} (${bar})`;
}

export function number(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
