import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../lib/clock.ts";
import { type PayloadIssue, QueueError } from "../errors.ts";
import type { NewMessage } from "./message.ts";
import { redacted } from "./redact.ts";
import { show } from "../lib/text.ts";
import { within } from "../lib/wait.ts";

/** Issues that the sentence of an error quotes, and that the error of a received payload has. */
const QUOTED = 5;
/** Issues that the error of a sent payload has. A list of a million wrong items has a million. */
const MOST = 100;

/**
 * Returns the output of the schema for a payload. The result is a promise only if the schema is asynchronous.
 *
 * @param origin `received` keeps the values of the payload out of the error; a sender sees what its schema says
 * @throws QueueError `invalid_payload` when the payload does not match; the message has up to 5 issues with their paths,
 *   and `issues` up to 100
 */
export function validatePayload(
  schema: StandardSchemaV1,
  type: string,
  payload: unknown,
  origin: "sent" | "received",
): unknown {
  const result = schema["~standard"].validate(payload);
  const received = origin === "received" ? { payload } : undefined;
  return isPromised(result)
    ? Promise.resolve(result).then((late) => valueOf(late, type, received))
    : valueOf(result, type, received);
}

/**
 * Validates the payload of a message to send, within the deadline of the send. Returns undefined if the schema is
 * synchronous. The first payload of a schema is validated in the form in which it arrives as well.
 *
 * @param json the payload as JSON
 * @throws QueueError `invalid_payload` when the payload does not match; `send_timeout` when the schema does not answer
 */
export function validateInTime(
  schema: StandardSchemaV1,
  { type, payload }: NewMessage,
  json: string,
  clock: Clock,
  deadlineMs: number,
): Promise<unknown> | undefined {
  const given = validatePayload(schema, type, payload, "sent");
  const validated = schema === lastFitting ? given : checkJson(schema, type, payload, json, given);
  if (!(validated instanceof Promise)) return undefined;
  return within(clock, deadlineMs, validated, () => {
    throw new QueueError(
      "send_timeout",
      `The schema of ${show(type)} had not validated the payload after ${deadlineMs} ms; the message was not sent. Give a longer deadline, or look at what the schema waits for.`,
      { retryable: true },
    );
  });
}

/** The schema of the payload that was sent last, if its JSON fits. Most messages have one of few schemas. */
let lastFitting: StandardSchemaV1 | undefined;
const fitting = new WeakSet<StandardSchemaV1>();

/** Checks that the JSON of a payload still fits its schema, after the payload itself. */
function checkJson(
  schema: StandardSchemaV1,
  type: string,
  payload: unknown,
  json: string,
  given: unknown,
): unknown {
  if (given instanceof Promise) return given.then(() => checkJson(schema, type, payload, json, undefined));
  if (!fitting.has(schema)) {
    const result = schema["~standard"].validate(JSON.parse(json));
    if (isPromised(result))
      return Promise.resolve(result).then((late) => jsonFits(schema, type, payload, late));
    jsonFits(schema, type, payload, result);
  }
  lastFitting = schema;
  return undefined;
}

/** @throws QueueError `invalid_payload` when the JSON does not fit */
function jsonFits(schema: StandardSchemaV1, type: string, payload: unknown, { issues }: Result): void {
  const [issue] = issues ?? [];
  if (issue !== undefined) {
    const { path, message } = payloadIssue(issue);
    const value = path.reduce(
      (part: unknown, step) => (part as Record<PropertyKey, unknown> | null | undefined)?.[step],
      payload,
    );
    const advice =
      value instanceof Date
        ? "A Date arrives as a string: accept one, with z.coerce.date() or the like, or send and declare a string"
        : "Declare the payload as JSON carries it";
    throw new QueueError(
      "invalid_payload",
      `The payload of ${show(type)} fits its schema, but as JSON it does not, so every job would be refused on receipt: ${sentenceOf({ path, message })}. ${advice}.`,
      { issues: [{ path, message }] },
    );
  }
  fitting.add(schema);
}

type Result = StandardSchemaV1.Result<unknown>;

/** Checks for `then`, since a promise of another library or realm is no instance of this realm's `Promise`. */
function isPromised(result: Result | Promise<Result>): result is Promise<Result> {
  return "then" in result && typeof result.then === "function";
}

function valueOf(result: Result, type: string, received: { readonly payload: unknown } | undefined): unknown {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, received === undefined ? MOST : QUOTED).map((one) => {
    const { path, message } = payloadIssue(one);
    return { path, message: received === undefined ? message : redacted(message, received.payload, path) };
  });
  const more = result.issues.length - QUOTED;
  const quoted = issues.slice(0, QUOTED).map((issue) => sentenceOf(issue));
  throw new QueueError(
    "invalid_payload",
    `The payload of ${show(type)} does not fit its schema: ${quoted.join("; ")}${more > 0 ? `; and ${more} more` : ""}.`,
    { issues },
  );
}

function payloadIssue({ path = [], message }: StandardSchemaV1.Issue): PayloadIssue {
  return { path: path.map((part) => (typeof part === "object" ? part.key : part)), message };
}

function sentenceOf({ path, message }: PayloadIssue): string {
  return path.length === 0 ? message : `${path.map(String).join(".")}: ${message}`;
}
