import type { Observation } from "../../adapters/observation.ts";
import { colorsFor } from "../lib/output.ts";
import { safeLine } from "../lib/terminal.ts";

/** The result of one check. */
export type Finding = Observation;

export function ok(what: string): Finding {
  return { level: "ok", what };
}

export function warning(what: string, fix: string): Finding {
  return { level: "warning", what, fix };
}

export function broken(what: string, fix: string): Finding {
  return { level: "broken", what, fix };
}

/** A finding as one line for people: `✓`, `!` or `✗`, the problem, and after an arrow the fix. */
export function findingLine({ level, what, fix }: Finding): string {
  const { green, yellow, red, dim } = colorsFor(process.stdout);
  const text = safeLine(what);
  if (level === "ok") return `${green("✓")} ${text}`;
  const mark = level === "warning" ? yellow("!") : red("✗");
  return `${mark} ${text}${fix === undefined ? "" : ` ${dim("→")} ${safeLine(fix)}`}`;
}
