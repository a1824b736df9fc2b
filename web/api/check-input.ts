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

/** Faults that the sentence of a problem quotes. More of them are in `errors`. */
const QUOTED = 3;
/** Faults in `errors`. A body of 1 MB can have hundreds of thousands, and an answer of 40 MB would stop the process. */
const LISTED = 100;
/** Members of a body, and of each of its members but the payload. A schema takes seconds for 400,000 wrong ones. */
const MAX_MEMBERS = 2_000;

/**
 * Checks a part of a request by its schema.
 * @param at the place of the value in the body, as a path of its members
 * @throws Problem `invalid_request`, with up to 100 faults and their places
 */
export function checked<T>(
  schema: z.ZodType<T>,
  value: unknown,
  part: Part,
  at: readonly PropertyKey[] = [],
): T {
  if (part === "body" && isLarge(value))
    throw invalidRequest(
      `The body of the request has an object or a list with more than ${MAX_MEMBERS} members outside of its payload; send fewer.`,
    );
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { issues } = result.error;
  const count = issues.reduce((sum, issue) => sum + (keysOf(issue)?.length ?? 1), 0);
  const faults = issues
    .slice(0, LISTED)
    .flatMap((issue) => faultsOf(issue, schema, part, at))
    .slice(0, LISTED);
  const quoted = faults.slice(0, QUOTED).map(({ detail }) => detail);
  const more = count > QUOTED ? `; and ${count - QUOTED} more` : "";
  throw invalidRequest(`The ${part} of the request is wrong: ${quoted.join("; ")}${more}.`, faults);
}

/** Whether a body, or a member of it but the payload, has more members than any schema takes. */
function isLarge(body: unknown): boolean {
  if (sizeOf(body) > MAX_MEMBERS) return true;
  return Object.entries(body ?? {}).some(
    ([name, value]) => name !== "payload" && sizeOf(value) > MAX_MEMBERS,
  );
}

function sizeOf(value: unknown): number {
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

type Issue = z.core.$ZodIssue;

function faultsOf(issue: Issue, schema: z.ZodType, part: Part, at: readonly PropertyKey[]): Fault[] {
  const keys = keysOf(issue);
  if (keys === undefined) return [faultAt([...at, ...issue.path], sentenceOf(issue, part), part)];
  const known = keysAt(schema, issue.path);
  return keys
    .slice(0, LISTED)
    .map((key) => faultAt([...at, ...issue.path, key], unknownKey(issue.path, key, known, part), part));
}

/** The unknown keys that an issue is about; undefined if it is another issue. */
function keysOf(issue: Issue): readonly string[] | undefined {
  return issue.code === "unrecognized_keys" ? issue.keys : undefined;
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

/** The fault at a place of the body. */
export function bodyFault(path: readonly PropertyKey[], sentence: string): Fault {
  return { detail: `${nameOf(path, "body")}: ${sentence}`, pointer: pointerTo(path) };
}

/** The JSON pointer to a place (RFC 6901). */
export function pointerTo(path: readonly PropertyKey[]): string {
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
