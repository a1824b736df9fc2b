import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** Classes whose instances have no properties that JSON includes. A Promise is usually a forgotten `await`. */
const EMPTIED = [Map, Set, RegExp, Error, Promise, ArrayBuffer, URLSearchParams];

/**
 * Refuses values that JSON would change without an error. NaN, the infinities, and a function or a symbol in an array
 * would become null. A Map, a Set, a RegExp, an Error, a Promise and an ArrayBuffer would become {}. An undefined
 * property is allowed: JSON omits it.
 *
 * @throws QueueError `invalid_payload` when the payload has such a value
 */
export function assertFaithful(payload: unknown, type: string): void {
  walk(payload, "payload", type);
}

function walk(value: unknown, path: string, type: string): void {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(path, type, `is ${value}, which JSON turns into null`);
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") {
    if (value instanceof Date && Number.isNaN(value.getTime())) refuse(path, type, "is an invalid Date");
    return;
  }
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      if (item === undefined || typeof item === "function" || typeof item === "symbol") {
        refuse(`${path}[${index}]`, type, `is ${typeof item}, which JSON turns into null`);
      }
      walk(item, `${path}[${index}]`, type);
    }
    return;
  }
  if (EMPTIED.some((kind) => value instanceof kind)) {
    refuse(path, type, `is a ${show(value.constructor.name)}, which JSON turns into {}`);
  }
  for (const [key, item] of Object.entries(value)) walk(item, `${path}.${key}`, type);
}

function refuse(path: string, type: string, what: string): never {
  throw new QueueError(
    "invalid_payload",
    `In the payload of ${show(type)}, ${path} ${what}. Send a plain JSON value instead.`,
  );
}
