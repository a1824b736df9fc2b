/** Values of a payload that are looked for in a message; beyond that, the message is withheld. */
const MOST = 1_000;
/** A shorter text is replaced only between quotation marks: it may be a part of the sentence around it. */
const SHORT = 3;

/**
 * Replaces the values of `payload` that a schema's message quotes, such as `received "4711"`, by their kinds. The message
 * of a refused payload gets into logs, events and dead letters, which the payload itself must not.
 *
 * @param path the place in the payload that the message is about; the whole payload if it is empty
 */
export function redacted(message: string, payload: unknown, path: readonly PropertyKey[]): string {
  let value = payload;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  const found = new Map<string, string>();
  if (!collect(value, found)) return "does not fit";
  const texts = [...found].toSorted(([one], [other]) => other.length - one.length);
  let text = message;
  for (const [quoted, kind] of texts) {
    for (const mark of ['"', "'", "`"]) text = text.replaceAll(`${mark}${quoted}${mark}`, kind);
    if (quoted.length >= SHORT) text = text.replaceAll(quoted, kind);
  }
  return text;
}

/** Collects the strings and numbers of a value, with their kinds. False if there are too many. */
function collect(value: unknown, found: Map<string, string>): boolean {
  const waiting: unknown[] = [value];
  for (let seen = 0; waiting.length > 0; seen += 1) {
    if (seen > MOST) return false;
    const next = waiting.pop();
    if (typeof next === "string" && next !== "") {
      found.set(next, "<string>");
      found.set(JSON.stringify(next).slice(1, -1), "<string>");
    } else if (typeof next === "number") found.set(String(next), "<number>");
    else if (typeof next === "object" && next !== null) {
      for (const item of Object.values(next)) waiting.push(item);
    }
  }
  return true;
}
