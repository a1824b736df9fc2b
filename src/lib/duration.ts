type UnitName =
  | "ms"
  | "millisecond"
  | "milliseconds"
  | "s"
  | "second"
  | "seconds"
  | "m"
  | "minute"
  | "minutes"
  | "h"
  | "hour"
  | "hours"
  | "d"
  | "day"
  | "days";

/** Parts of a span of time. They add up; at least one is given. */
export interface DurationParts {
  readonly days?: number | undefined;
  readonly hours?: number | undefined;
  readonly minutes?: number | undefined;
  readonly seconds?: number | undefined;
  readonly milliseconds?: number | undefined;
}

/**
 * A span of time: milliseconds as a number, parts such as `{ hours: 1, minutes: 30 }`, or a number with its unit such as
 * `"500ms"`, `"30s"`, `"5m"`, `"2h"` or `"3 days"`.
 */
export type Duration = number | DurationParts | `${number}${UnitName}` | `${number} ${UnitName}`;

/** Options whose durations have been read: each is a number of milliseconds. */
export type InMs<Options> = {
  readonly [K in keyof Options]: Duration extends NonNullable<Options[K]>
    ? Exclude<Options[K], string | DurationParts>
    : Options[K];
};

const MS_PER_PART: Readonly<Record<keyof DurationParts, number>> = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
};
const PART_OF_UNIT: Readonly<Record<string, keyof DurationParts>> = {
  ms: "milliseconds",
  s: "seconds",
  m: "minutes",
  h: "hours",
  d: "days",
};

/** Milliseconds of a duration; `NaN` for any value that is not one, for a negative part, and for parts without a value. */
export function durationMs(duration: Duration): number {
  if (typeof duration === "number") return duration;
  if (typeof duration === "string") return ofText(duration);
  if (typeof duration !== "object" || duration === null) return Number.NaN;
  let total: number | undefined;
  for (const [part, amount] of Object.entries(duration) as [keyof DurationParts, unknown][]) {
    if (!Object.hasOwn(MS_PER_PART, part)) return Number.NaN;
    if (amount === undefined) continue;
    if (typeof amount !== "number" || !(amount >= 0)) return Number.NaN;
    total = (total ?? 0) + amount * MS_PER_PART[part];
  }
  return total ?? Number.NaN;
}

/** The same for an option that may be left out. */
export function optionalMs(duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : durationMs(duration);
}

function ofText(text: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/.exec(text) ?? [];
  const part = Object.hasOwn(PART_OF_UNIT, unit) ? PART_OF_UNIT[unit] : `${unit.replace(/s$/, "")}s`;
  if (amount === undefined || !Object.hasOwn(MS_PER_PART, part as string)) return Number.NaN;
  return Number(amount) * MS_PER_PART[part as keyof DurationParts];
}
