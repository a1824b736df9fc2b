import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** How long to wait: milliseconds, parts that add up, one at least, or the moment itself. A moment in the past is now. */
export type Delay =
  | number
  | {
      readonly days?: number;
      readonly hours?: number;
      readonly minutes?: number;
      readonly seconds?: number;
      readonly milliseconds?: number;
    }
  | { readonly at: Date };

const UNITS = {
  days: 86_400_000,
  hours: 3_600_000,
  minutes: 60_000,
  seconds: 1_000,
  milliseconds: 1,
} as const;
/** The latest moment that a Date can hold. */
const LATEST = 8_640_000_000_000_000;

function refuse(sentence: string): never {
  throw new QueueError("invalid_delay", sentence);
}

/** The delay in milliseconds from `now`, 0 or more; refuses one that is negative, not finite, or of another shape. */
export function delayMs(delay: Delay, now: number): number {
  const ms = Math.ceil(read(delay, now));
  if (now + ms > LATEST) refuse(`A delay of ${ms} ms ends beyond the latest date; give a shorter one.`);
  return ms;
}

function read(delay: Delay, now: number): number {
  if (typeof delay === "number") return check(delay, "A delay");
  if (typeof delay !== "object" || delay === null) {
    return refuse(
      `A delay is milliseconds, { days, hours, minutes, seconds, milliseconds } or { at: Date }; got ${show(delay)}.`,
    );
  }
  if ("at" in delay) {
    const at = delay.at instanceof Date ? delay.at.getTime() : Number.NaN;
    if (Number.isNaN(at)) refuse(`{ at } takes a valid Date; got ${show(delay.at)}.`);
    return Math.max(0, at - now);
  }
  let total: number | undefined;
  for (const [unit, amount] of Object.entries(delay)) {
    if (!Object.hasOwn(UNITS, unit))
      refuse(`A delay knows days, hours, minutes, seconds and milliseconds; got ${show(unit)}.`);
    if (amount !== undefined) total = (total ?? 0) + check(amount, unit) * UNITS[unit as keyof typeof UNITS];
  }
  // A delay that came out empty, as of a setting that is missing, must not be sent at once in silence.
  return (
    total ??
    refuse(
      `A delay needs days, hours, minutes, seconds or milliseconds; got ${delay instanceof Date ? "a Date, which is given as { at: date }" : "none of them"}. 0 is now.`,
    )
  );
}

function check(amount: unknown, what: string): number {
  if (typeof amount !== "number" || !Number.isFinite(amount) || amount < 0) {
    return refuse(`${what} must be a finite number, 0 or more; got ${show(amount)}.`);
  }
  return amount;
}
