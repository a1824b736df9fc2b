/**
 * Characters that act on a terminal, or on the order in which it shows text: C0 without tab and newline, DEL, C1, the
 * separators of lines and paragraphs, and the bidirectional controls of https://www.unicode.org/reports/tr9/ (2025-08).
 */
const ACTING =
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069]";

const acting = new RegExp(ACTING, "g");
/** The codes of the colours that this program writes: bold, dim, red, green, yellow, cyan, and their ends. */
const actingOrColor = new RegExp(`(\\u001b\\[(?:0|1|2|22|3[1236]|39)m)|${ACTING}`, "g");
const actingOrEscape = new RegExp(`\\\\(?:u([0-9a-fA-F]{4})|(.))|${ACTING}`, "g");

/**
 * Text that a terminal shows as it is. Each character that would act on the terminal becomes its escape, such as
 * `\u001b`. The result of `JSON.stringify` stays JSON with the same content. Tabs and newlines stay.
 */
export function safeText(text: string): string {
  return text.replace(acting, escapeOf);
}

/** {@link safeText} on one line. */
export function safeLine(text: string): string {
  return safeText(
    text
      .replaceAll(/\s*\n\s*/g, " ")
      .replaceAll("\t", " ")
      .trim(),
  );
}

/** {@link safeText} that keeps the colours of this program. */
export function safeColored(text: string): string {
  return text.replace(actingOrColor, (found: string, color?: string) => color ?? escapeOf(found));
}

/** A log line in JSON whose strings are safe to show after they have been parsed, for a formatter that prints them raw. */
export function safeWhenParsed(json: string): string {
  return json.replace(actingOrEscape, (found: string, hex?: string, letter?: string) => {
    if (letter !== undefined) return "bfr".includes(letter) ? `\\\\${letter}` : found;
    const char = hex === undefined ? found : String.fromCharCode(Number.parseInt(hex, 16));
    return char.search(acting) === -1 ? found : `\\${escapeOf(char)}`;
  });
}

function escapeOf(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
