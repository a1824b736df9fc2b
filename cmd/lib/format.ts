import { durationText } from "./options.ts";

/** A time in UTC. A time that another program wrote may be no time. */
export function timeText(at: Date): string {
  return Number.isNaN(at.getTime())
    ? "at an unknown time"
    : `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** The time from `at` to `now` in its largest unit, such as `3m`. A time in the future is 0: clocks differ. */
export function ageText(at: Date, now: Date): string {
  const ms = Math.max(0, now.getTime() - at.getTime());
  return ms < 1_000 ? "0s" : durationText(ms);
}

/** A number with its noun: `1 attempt`, `2 attempts`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
