/** What one check has found. */
export interface Finding {
  /** `broken`: jobs will not be sent, run or counted as they should. `warning`: they will, less well. */
  readonly level: "ok" | "warning" | "broken";
  readonly what: string;
  /** What to do about it. */
  readonly mend?: string | undefined;
}

export function ok(what: string): Finding {
  return { level: "ok", what };
}

export function warning(what: string, mend: string): Finding {
  return { level: "warning", what, mend };
}

export function broken(what: string, mend: string): Finding {
  return { level: "broken", what, mend };
}
