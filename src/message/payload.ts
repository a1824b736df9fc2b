import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";

/** All of these have nothing that JSON sees. A Promise is most often an await that was forgotten. */
const EMPTIED = [Map, Set, RegExp, Error, Promise, ArrayBuffer, URLSearchParams];

/**
 * Refuses what JSON would change in silence: NaN and the infinities, a function or a symbol in an array
 * (all become null), a Map, a Set, a RegExp, an Error, a Promise, bytes (all become {}). A property that is undefined is left out,
 * as everywhere in JavaScript.
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
