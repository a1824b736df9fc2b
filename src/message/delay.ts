import { QueueError } from "../errors.ts";
import { type Duration, durationMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/** A delay: a duration, or the moment of delivery itself. A moment in the past is now. */
export type Delay = Duration | { readonly at: Date };

/** The latest moment that a Date can hold. */
const LATEST = 8_640_000_000_000_000;

function refuse(sentence: string): never {
  throw new QueueError("invalid_delay", sentence);
}

/**
 * Milliseconds from `now`, 0 or more, rounded up.
 * @throws QueueError `invalid_delay` for a delay that is negative, not finite, of another shape, or ends after the latest date
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
  // An empty delay, as of a missing setting, is refused as well: it must not be sent at once in silence.
  return refuse(
    `A delay is a number of milliseconds, 0 or more; a string such as "5m" or "3 days"; { days, hours, minutes, seconds, milliseconds } with at least one of them; or { at: Date }. Got ${shown(delay)}.`,
  );
}

/** A date says nothing as a string, so its mistake is named. */
function shown(delay: unknown): string {
  if (delay instanceof Date) return "a Date, which is given as { at: date }";
  return typeof delay === "object" && delay !== null ? JSON.stringify(delay) : show(delay);
}
