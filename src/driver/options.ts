import { QueueError } from "../errors.ts";
import { type Duration, optionalMs } from "../lib/duration.ts";
import { show } from "../lib/text.ts";

/** The range of an option that is a number. Both ends are included. */
export interface OptionRange {
  /** @default more than 0 */
  readonly least?: number;
  /** @default any finite number */
  readonly most?: number;
}

/**
 * Reads an option of an adapter that is a duration. Undefined if it is left out. A configuration was checked before; the
 * options of code were not, and a wrong duration would become a timer of one millisecond.
 *
 * @param option the adapter and the option, as in `sqs: requestTimeoutMs`
 * @throws QueueError `config` when the value is no duration, or out of range
 */
export function durationOption(
  option: string,
  value: Duration | undefined,
  range: OptionRange = {},
): number | undefined {
  const ms = optionalMs(value);
  if (ms !== undefined) checkRange(option, value, ms, "a duration", " milliseconds", range);
  return ms;
}

/**
 * Reads an option of an adapter that is a number. Undefined if it is left out.
 * @throws QueueError `config` when the value is no number, or out of range
 */
export function numberOption(
  option: string,
  value: number | undefined,
  range: OptionRange = {},
): number | undefined {
  if (value !== undefined) checkRange(option, value, value, "a number", "", range);
  return value;
}

function checkRange(
  option: string,
  given: unknown,
  number: number,
  kind: string,
  unit: string,
  { least, most }: OptionRange,
): void {
  const isLeast = least === undefined ? number > 0 : number >= least;
  if (typeof number === "number" && Number.isFinite(number) && isLeast && number <= (most ?? number)) return;
  const from = least === undefined ? "more than 0" : `${least} or more`;
  const to = most === undefined ? "" : `, at most ${most}`;
  throw new QueueError("config", `${option} must be ${kind}, ${from}${unit}${to}; got ${show(given)}.`);
}
