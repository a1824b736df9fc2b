/** A value as a short text for an error's sentence. Never throws. */
export function show(value: unknown): string {
  const text =
    typeof value === "string" ? JSON.stringify(value) : isPlain(value) ? fields(value) : asText(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/**
 * The kind of a value, such as `a string`. For values that were received or may be secret: an error names their kind, and
 * never quotes them, since errors reach logs and dead letters. Never throws.
 */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "number" && !Number.isFinite(value)) return "a number that is not finite";
  if (typeof value === "string" && value === "") return "an empty string";
  if (isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** `Array.isArray`, which throws for a revoked proxy. */
function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

function isPlain(value: unknown): value is object {
  try {
    return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  } catch {
    return false;
  }
}

/** `{ minutes: -1 }`. Node's inspection is loaded on the first call. */
function fields(value: object): string {
  try {
    const { inspect } = process.getBuiltinModule("node:util");
    return inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY, customInspect: false });
  } catch {
    return asText(value);
  }
}

/** `String(value)`, which throws for an object whose `toString` is no function, or that is nested too deep. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `an unprintable ${typeof value}`;
  }
}

/**
 * Escapes two characters that JSON allows and SQS does not: it accepts the characters of XML only.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html (2026-11)
 */
export function escapeNonCharacters(json: string): string {
  if (!json.includes("\ufffe") && !json.includes("\uffff")) return json;
  return json.replaceAll("\ufffe", String.raw`\ufffe`).replaceAll("\uffff", String.raw`\uffff`);
}
