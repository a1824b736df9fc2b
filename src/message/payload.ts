import { QueueError } from "../errors.ts";
import { asText, show } from "../lib/text.ts";

/** JSON may have changed a payload if it has null, an empty object, or the bytes of a typed array or a Buffer. */
const SIGN = /null|\{(?:\}|"0":)|"Buffer"/;
/** Types of which a payload has been checked, at most. Applications have few types; a mistake may make each one new. */
const MAX_TYPES = 1_000;

/** The type that was seen last. Most messages have one of few types. */
let lastType: string | undefined;
const checkedTypes = new Set<string>();

/**
 * Refuses a payload that JSON would change without an error. Checks it in full if its JSON shows a sign of that, and if it
 * is the first one of its type: a function, which leaves no sign, is a mistake of the code that all of its payloads have. A
 * check of every payload would take a third of the time of encoding it.
 *
 * @param json the payload as JSON
 * @throws QueueError `invalid_payload`
 */
export function checkFaithful(payload: unknown, type: string, json: string): void {
  if (type === lastType || checkedTypes.has(type)) {
    lastType = type;
    if (!isFlat(payload) && SIGN.test(json)) assertFaithful(payload, type);
    return;
  }
  assertFaithful(payload, type);
  if (checkedTypes.size >= MAX_TYPES) checkedTypes.clear();
  checkedTypes.add(type);
  lastType = type;
}

/**
 * Whether a payload is a plain object of texts, booleans and finite numbers, of which JSON changes nothing. Most payloads
 * are, and this takes a third of the time of the search for {@link SIGN}.
 */
function isFlat(payload: unknown): boolean {
  if (typeof payload !== "object" || payload === null) return false;
  if (Object.getPrototypeOf(payload) !== Object.prototype) return false;
  let isEmpty = true;
  for (const key in payload) {
    const value: unknown = payload[key as never];
    const isKept = typeof value === "string" || typeof value === "boolean" || Number.isFinite(value);
    if (!isKept) return false;
    isEmpty = false;
  }
  // JSON may have left all of an empty one out.
  return !isEmpty;
}

/** Classes whose instances lose their content in JSON, also if they have properties. A Promise is usually a forgotten `await`. */
const EMPTIED = [Map, Set, RegExp, Error, Promise, ArrayBuffer, URLSearchParams];

/** Wrapped values, which JSON writes as the values themselves. */
const BOXED = [Number, String, Boolean];

/**
 * Refuses values that do not come back from JSON: NaN and the infinities; functions and symbols, as values and as keys;
 * undefined in a list; typed arrays and buffers; instances of which JSON has nothing, such as a Map, a Blob or Headers. An
 * undefined property is allowed: JSON omits it. So are a Date, which travels as text, and other objects with `toJSON`.
 *
 * @throws QueueError `invalid_payload`
 */
function assertFaithful(payload: unknown, type: string): void {
  assertJson(payload, "payload", `the payload of ${show(type)}`);
}

/**
 * Refuses a value that does not come back from JSON as it is, like a payload.
 *
 * @param path the name of the value in the error's sentence
 * @param whole the value with its owner, such as `the payload of "email"`
 * @throws QueueError `invalid_payload`
 */
export function assertJson(value: unknown, path: string, whole: string): void {
  try {
    walk(value, path, whole);
  } catch (error) {
    // Nested too deep for this check, though not for JSON.
    if (!(error instanceof RangeError)) throw error;
  }
}

function walk(value: unknown, path: string, whole: string): void {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(path, whole, `is ${value}, which JSON turns into null`);
    return;
  }
  if (typeof value === "function" || typeof value === "symbol")
    refuse(path, whole, `is a ${typeof value}, which JSON leaves out`);
  if (typeof value !== "object" || value === null) return;
  if (ArrayBuffer.isView(value))
    refuse(
      path,
      whole,
      `is a ${nameOf(value)}, which does not come back from JSON`,
      "Send bytes as a base64 string",
    );
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    if (value instanceof Date && Number.isNaN(value.getTime())) refuse(path, whole, "is an invalid Date");
    return;
  }
  if (Array.isArray(value)) walkList(value, path, whole);
  else walkObject(value, path, whole);
}

function walkList(list: readonly unknown[], path: string, whole: string): void {
  for (const [index, item] of list.entries()) {
    if (item === undefined || typeof item === "function" || typeof item === "symbol")
      refuse(`${path}[${index}]`, whole, `is ${typeof item}, which JSON turns into null`);
    walk(item, `${path}[${index}]`, whole);
  }
}

function walkObject(value: object, path: string, whole: string): void {
  if (BOXED.some((kind) => value instanceof kind)) {
    walk(value.valueOf(), path, whole);
    return;
  }
  const keys = Object.keys(value);
  if (EMPTIED.some((kind) => value instanceof kind) || (keys.length === 0 && !isPlain(value)))
    refuse(path, whole, `is a ${nameOf(value)}, of which JSON has nothing`);
  for (const key of Object.getOwnPropertySymbols(value)) {
    if (Object.prototype.propertyIsEnumerable.call(value, key))
      refuse(path, whole, `has the key ${asText(key)}, which JSON leaves out`);
  }
  for (const key of keys) walk((value as Record<string, unknown>)[key], `${path}.${key}`, whole);
}

/** Whether an object has no class: its prototype is `Object.prototype`, also that of another realm, or none. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function nameOf(value: object): string {
  return show(value.constructor?.name ?? "an object without a class");
}

function refuse(
  path: string,
  whole: string,
  what: string,
  advice = "Send a plain JSON value instead",
): never {
  throw new QueueError("invalid_payload", `In ${whole}, ${path} ${what}. ${advice}.`);
}
