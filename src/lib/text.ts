/** A value as a short text for an error's sentence. Never throws. */
export function show(value: unknown): string {
  const text =
    typeof value === "string" ? JSON.stringify(value) : isPlain(value) ? fields(value) : asText(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
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
