import type { z } from "zod";
import { closest } from "../../src/lib/closest.ts";
import { show } from "../../src/lib/text.ts";
import { type Fault, invalidRequest } from "./problem.ts";

/** The parts of a request that have a schema. */
export type Part = "path" | "query" | "body";

/** Members and parameters that are planned. A request that has one is refused, since it would have no effect. */
const PLANNED: ReadonlySet<string> = new Set([
  "unique",
  "debounce",
  "notify",
  "schedule",
  "workflow_id",
  "ordering_key",
]);

/** Faults that the sentence of a problem quotes. All of them are in `errors`. */
const QUOTED = 3;

/**
 * Checks a part of a request by its schema.
 * @param at the place of the value in the body, as a path of its members
 * @throws Problem `invalid_request`, with each fault and its place
 */
export function checked<T>(
  schema: z.ZodType<T>,
  value: unknown,
  part: Part,
  at: readonly PropertyKey[] = [],
): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, schema, part, at));
  const quoted = faults.slice(0, QUOTED).map(({ detail }) => detail);
  const more = faults.length > QUOTED ? `; and ${faults.length - QUOTED} more` : "";
  throw invalidRequest(`The ${part} of the request is wrong: ${quoted.join("; ")}${more}.`, faults);
}

type Issue = z.core.$ZodIssue;

function faultsOf(issue: Issue, schema: z.ZodType, part: Part, at: readonly PropertyKey[]): Fault[] {
  if (issue.code !== "unrecognized_keys")
    return [faultAt([...at, ...issue.path], sentenceOf(issue, part), part)];
  const known = keysAt(schema, issue.path);
  return issue.keys.map((key) =>
    faultAt([...at, ...issue.path, key], unknownKey(issue.path, key, known, part), part),
  );
}

function faultAt(path: readonly PropertyKey[], detail: string, part: Part): Fault {
  return part === "body" ? { detail, pointer: pointerTo(path) } : { detail, parameter: String(path[0]) };
}

function sentenceOf({ path, message, ...issue }: Issue, part: Part): string {
  const name = nameOf(path, part);
  const isMissing = issue.code === "invalid_type" && message.endsWith(" received undefined");
  if (isMissing) return `${name} is missing`;
  return `${name}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}

function unknownKey(path: readonly PropertyKey[], key: string, known: readonly string[], part: Part): string {
  const kind = part === "body" ? "member" : "parameter";
  const name = nameOf([...path, key], part);
  if (PLANNED.has(key)) return `${name} is not supported yet; leave it out`;
  const near = closest(key, known);
  return `unknown ${kind} ${name}; ${near === undefined ? `known: ${known.join(", ")}` : `did you mean ${near}?`}`;
}

function nameOf(path: readonly PropertyKey[], part: Part): string {
  if (path.length === 0) return `the ${part}`;
  const text = path.map(String).join(".");
  return /^[\w.]{1,80}$/.test(text) ? text : show(text);
}

function pointerTo(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The members that a schema knows at a path; empty if they are not to be found. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: unknown = schema;
  for (const key of path) at = innermost((shapeOf(innermost(at)) ?? {})[String(key)]);
  return Object.keys(shapeOf(innermost(at)) ?? {});
}

function innermost(schema: unknown): unknown {
  let at = schema as { unwrap?: () => unknown } | undefined;
  while (typeof at?.unwrap === "function" && shapeOf(at) === undefined) at = at.unwrap() as typeof at;
  return at;
}

function shapeOf(schema: unknown): Readonly<Record<string, unknown>> | undefined {
  return (schema as { readonly shape?: Readonly<Record<string, unknown>> } | undefined)?.shape;
}
