/** A value, short enough for an error's sentence. It never throws, whatever the value. */
export function show(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : asText(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** `String(value)`, which itself throws for an object whose `toString` is no function, or that is nested too deep. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `an unprintable ${typeof value}`;
  }
}
