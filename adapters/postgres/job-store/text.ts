/**
 * The characters that a text of Postgres cannot hold, the NUL and halves of surrogate pairs, and the one that escapes them:
 * 0x1a, which no name has. Ids and names may come from other programs.
 */
// oxlint-disable-next-line no-control-regex -- finds control characters
const NOT_STORED = /[\u0000\u001a]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
// oxlint-disable-next-line no-control-regex -- finds the escape
const ESCAPED = /\u001a([0-9a-f]{4})/g;

/** A text in the form in which a column holds it. */
export function stored(text: string): string {
  return text.replaceAll(
    NOT_STORED,
    (character) => `\u001a${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The text that a column holds. */
export function restored(text: string): string {
  return text.includes("\u001a")
    ? text.replaceAll(ESCAPED, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : text;
}

/** An array as a parameter. All clients pass a text alike. */
export function arrayOf(values: readonly (string | number)[]): string {
  const items = values.map((value) =>
    typeof value === "number" ? String(value) : `"${value.replaceAll(/["\\]/g, String.raw`\$&`)}"`,
  );
  return `{${items.join(",")}}`;
}
