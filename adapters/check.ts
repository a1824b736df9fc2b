import { z } from "zod";
import { QueueError } from "../src/errors.ts";
import { closest } from "../src/lib/closest.ts";
import { kindOf, show } from "../src/lib/text.ts";

/** Keys whose values are secret. Errors do not show them. */
const SECRET: ReadonlySet<PropertyKey> = new Set([
  "credentials",
  "connectionString",
  "adminConnectionString",
  // May have a password.
  "proxy",
  // Another program's store is named by an address with a password in it.
  "delayStore",
  "store",
  "redis",
]);
/** Strings that hold a secret more often than not: an address with credentials, or a connection string. */
const SECRET_TEXT = /\/\/[^/@]*@|(?:key|password|pwd|secret|signature|token)\s*=/i;

/**
 * Checks outside data against a schema.
 *
 * @param where the name of the data, with which the error message starts
 * @param alsoKnown keys of the top level that the caller has read itself; an error suggests them as well
 * @throws QueueError `config`, with the path of every mistake and the value that was expected there
 */
export function check<T>(
  schema: z.ZodType<T>,
  input: unknown,
  where: string,
  alsoKnown: readonly string[] = [],
): T {
  const result = schema.safeParse(input, { error: (issue) => expectation(issue, alsoKnown) });
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => {
    const at = pathText(path);
    const shown = path.some((step) => SECRET.has(step)) ? message.replace(/; got .*$/s, "") : message;
    return at === "" ? shown : `${at}: ${shown}`;
  });
  const sentence = faults.join("; ");
  throw new QueueError("config", `${where}: ${sentence}${sentence.endsWith("?") ? "" : "."}`);
}

/** A suggestion such as `did you mean "capacity"?`, or the list of the known names if none is similar. */
export function suggestion(given: string, known: readonly string[]): string {
  const near = closest(given, known) ?? known.find((name) => given.length > 2 && name.startsWith(given));
  return near === undefined ? `known: ${listed(known)}` : `did you mean ${JSON.stringify(near)}?`;
}

/** A list such as `"a", "b", "c"`. */
export function listed(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}

/** The message of an issue. Undefined for issues whose message is zod's. */
function expectation(issue: z.core.$ZodRawIssue, alsoKnown: readonly string[]): string | undefined {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${article(issue.expected)}; got ${got(issue.input)}`;
    case "invalid_value":
      return `expected ${issue.values.length === 1 ? "" : "one of "}${listed(issue.values)}; got ${got(issue.input)}`;
    case "too_small":
      return `expected ${issue.inclusive === false ? "more than " : "at least "}${size(issue.origin, issue.minimum)}; got ${got(issue.input)}`;
    case "too_big":
      return `expected ${issue.inclusive === false ? "less than " : "at most "}${size(issue.origin, issue.maximum)}; got ${got(issue.input)}`;
    case "unrecognized_keys": {
      const top = (issue.path ?? []).length === 0;
      const known = issue.inst instanceof z.ZodObject ? Object.keys(issue.inst.shape) : [];
      return issue.keys
        .map(
          (key) =>
            `unknown key ${JSON.stringify(key)}, ${suggestion(key, top ? [...known, ...alsoKnown] : known)}`,
        )
        .join("; ");
    }
    default:
      return undefined;
  }
}

function article(expected: string): string {
  if (expected === "int") return "a whole number";
  if (expected === "record") return "an object";
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}

function size(origin: string, limit: number | bigint): string {
  if (origin === "string") return `${limit} characters`;
  if (origin === "array" || origin === "set") return `${limit} entries`;
  return String(limit);
}

/** The value that was found. A value of the wrong shape is named by its shape, since it may be long or secret. */
export function got(input: unknown): string {
  const isShown = typeof input === "string" ? !SECRET_TEXT.test(input) : typeof input === "number";
  return isShown || typeof input === "boolean" ? show(input) : kindOf(input);
}
