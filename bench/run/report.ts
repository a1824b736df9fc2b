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

/** A contest's table: a head, and a row for each side. */
export function rowsOf({ sides, shown = "rate" }: Contest, rounds: Rounds): string[][] {
  const middle = (side: string, figure: Figure): number => median(valuesOf(rounds, side, figure));
  const beside = BESIDE.filter(
    (figure) => figure !== shown && sides.some((side) => !Number.isNaN(middle(side.name, figure))),
  );
  const rows = sides.map(({ name }) => {
    const values = valuesOf(rounds, name, shown);
    const figures = [median(values), Math.min(...values), Math.max(...values)];
    return [name, ...[...figures, ...beside.map((figure) => middle(name, figure))].map(number)];
  });
  return [["", UNITS[shown], "min", "max", ...beside.map((figure) => UNITS[figure])], ...rows];
}

/** A contest for people: what each side reached, and which bars hold. */
export function describeContest(contest: Contest, rounds: Rounds, verdicts: readonly Verdict[]): string {
  const { name, server } = contest;
  const [head = [], ...rows] = rowsOf(contest, rounds);
  const table = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: head.map((_, index) => (index === 0 ? "left" : "right")),
  });
  table.push(...rows);
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
