import { z } from "zod";
import { closest } from "../../src/lib/closest.ts";
import { show } from "../../src/lib/text.ts";
import { type Priority, priorities } from "../../src/jobs/store/job-row.ts";

/** Longest text of a filter, in characters. */
const MAX_TEXT = 256;

/** A text of 1 to 256 characters. */
export function text(description: string): z.ZodType<string, string> {
  return z.string().min(1).max(MAX_TEXT).meta({ description });
}

/** A parameter with values that are separated by commas, or given several times. */
export function list(description: string): z.ZodType<string[], string | string[]> {
  return z
    .union([z.string(), z.array(z.string())])
    .transform((given, context) => {
      const values = [given]
        .flat()
        .flatMap((value) => value.split(","))
        .map((value) => value.trim())
        .filter((value) => value !== "");
      if (values.length === 0) context.addIssue("expected a value");
      if (values.length > 100 || values.some((value) => value.length > MAX_TEXT))
        context.addIssue(`expected at most 100 values of at most ${MAX_TEXT} characters`);
      return values;
    })
    .meta({ description });
}

/** A parameter with values of a set, separated by commas. */
export function listOf<T extends string>(
  values: readonly T[],
  description: string,
): z.ZodType<T[], string | string[]> {
  return list(`${description} Any of: ${values.join(", ")}.`).transform((given, context) => {
    for (const value of given) {
      if (!values.includes(value as T)) context.addIssue(`${show(value)} is none of ${values.join(", ")}`);
    }
    return given as T[];
  });
}

/** A parameter that is a whole number. */
export function whole(least: number, most: number, description: string): z.ZodType<number, string> {
  const expected = `expected a whole number from ${least} to ${most}`;
  return z
    .string(expected)
    .transform((given, context) => {
      const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
      if (!(value >= least && value <= most)) context.addIssue(`${expected}; got ${show(given)}`);
      return value;
    })
    .meta({
      description: `${description} From ${least} to ${most}.`,
      type: "integer",
      minimum: least,
      maximum: most,
    });
}

/** A parameter that is `true`, or left out. */
export function flag(description: string): z.ZodType<true, string> {
  return z
    .literal("true", 'expected "true", or no parameter')
    .transform(() => true as const)
    .meta({ description });
}

/** RFC 3339, with an offset: https://www.rfc-editor.org/rfc/rfc3339 */
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})$/i;
const EXPECTED_TIME = "expected a time with a zone, such as 2026-01-31T08:00:00Z";

/** A time in the format of RFC 3339. */
export function time(description: string): z.ZodType<Date, string> {
  return z
    .string(EXPECTED_TIME)
    .transform((given, context) => {
      // A plus sign that is not escaped is a space in a query.
      const date = new Date(RFC_3339.test(given.replace(" ", "+")) ? given.replace(" ", "+") : Number.NaN);
      if (Number.isNaN(date.getTime())) context.addIssue(`${EXPECTED_TIME}; got ${show(given)}`);
      return date;
    })
    .meta({ description, format: "date-time" });
}

const LEVELS = priorities.map((name, level) => `${level} (${name})`).join(", ");

/** A level of priority, as a number from 0 to 3 or as a name. */
export const priority: z.ZodType<Priority> = z
  .union([z.literal([0, 1, 2, 3]), z.enum(priorities)], {
    error: ({ input }) => {
      const near = typeof input === "string" ? closest(input, priorities) : undefined;
      return `expected ${LEVELS}, or the name; ${near === undefined ? `got ${show(input)}` : `did you mean ${near}?`}`;
    },
  })
  .transform((given) => (typeof given === "number" ? priorities[given] : given))
  .meta({
    description: `The priority: ${LEVELS}, or the name. It is recorded; jobs run in the order of their arrival.`,
  });
