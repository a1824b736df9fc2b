/** One thing that an adapter has found out about its server or its file, for `queueport doctor`. */
export interface Observation {
  /** `broken`: jobs are not sent, run or counted correctly. `warning`: they are, but less well than possible. */
  readonly level: "ok" | "warning" | "broken";
  readonly what: string;
  /** The action that solves the problem. */
  readonly fix?: string | undefined;
}
