/** The outcome of a campaign, as it is printed. */
export interface Printed {
  readonly title: string;
  /** When the campaign began, by `performance.now()`. */
  readonly startedAt: number;
  /** Counts. The texts of a list are printed below, and only counted here. */
  readonly figures: object;
  /** One sentence each. */
  readonly problems: readonly string[];
}

/** Prints the outcome of a campaign. Returns the exit code: 0 if there is no problem. */
export function printReport({ title, startedAt, figures, problems }: Printed): 0 | 1 {
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${title}, ${seconds} s`);
  const counts = Object.entries(figures).map(([name, value]: [string, unknown]) => [
    name,
    Array.isArray(value) ? value.length : value,
  ]);
  console.log(Object.fromEntries(counts));
  for (const problem of problems) console.log(problem);
  return problems.length === 0 ? 0 : 1;
}
