import { QueueError } from "../errors.ts";
import { type Duration, durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/**
 * The delay of a message: a duration, or `{ at }`, the time from which it may be delivered. A time in the past means no
 * delay.
 *
 * @example
 * await queue.sendDelayed("emails", tips, { days: 3 });
 * await queue.sendDelayed("emails", tips, "3 days");
 * await queue.sendDelayed("emails", tips, { at: new Date("2027-01-01T08:00:00Z") });
 */
export type Delay = Duration | { readonly at: Date };

/** The latest time that a `Date` can hold, in epoch milliseconds. */
const LATEST = 8_640_000_000_000_000;

function refuse(sentence: string): never {
  throw new QueueError("invalid_delay", sentence);
}

/**
 * Returns the milliseconds of a delay that begins at `now`, rounded up to a whole number, 0 or more.
 *
 * @throws QueueError `invalid_delay` when the delay is negative, not finite, of another shape, or ends after the latest
 * date
 */
export function delayMs(delay: Delay, now: number): number {
  const ms = Math.ceil(read(delay, now));
  if (now + ms > LATEST) refuse(`A delay of ${ms} ms ends beyond the latest date; give a shorter one.`);
  return ms;
}

function read(delay: Delay, now: number): number {
  if (typeof delay === "object" && delay !== null && "at" in delay) {
    const at = delay.at instanceof Date ? delay.at.getTime() : Number.NaN;
    if (Number.isNaN(at)) refuse(`{ at } takes a valid Date; got ${show(delay.at)}.`);
    return Math.max(0, at - now);
  }
  const ms = durationMs(delay);
  if (Number.isFinite(ms) && ms >= 0) return ms;
  // An empty object is refused too: it may come from a missing setting, and the message must not be sent immediately.
  return refuse(
    `A delay is a number of milliseconds, 0 or more; a string such as "5m" or "3 days"; { days, hours, minutes, seconds, milliseconds } with at least one of them; or { at: Date }. Got ${shown(delay)}.`,
  );
}

/** Shows a wrong delay. The string of a Date would not tell the user what is wrong with it. */
function shown(delay: unknown): string {
  if (delay instanceof Date) return "a Date, which is given as { at: date }";
  return show(delay);
}
