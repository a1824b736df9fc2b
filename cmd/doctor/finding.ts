import { colorsFor } from "../lib/output.ts";
import { safeLine } from "../lib/terminal.ts";

/** The result of one check. */
export interface Finding {
  /** `broken`: jobs are not sent, run or counted correctly. `warning`: they are, but less well than possible. */
  readonly level: "ok" | "warning" | "broken";
  readonly what: string;
  /** The action that solves the problem. */
  readonly fix?: string | undefined;
}

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
