import { fileURLToPath } from "node:url";
import { sha256 } from "../lib/hash.ts";
import type { DeadLetterInfo } from "./dead-letter-info.ts";

const MAX_FRAME = 120;
/** The folder of queueport's own code. Determined at the first failure, so that importing this file costs nothing. */
let ours: string | undefined;
/** A line of a stack: name of the function, file, line. */
const FRAME = /^ +at (?:async )?(?:(.+) \()?([^()]+?):(\d+):\d+\)?$/;
/**
 * Longest error that is read, as long as a dead letter holds. Together with the limits within the patterns it bounds the time that
 * they take, which would grow with the square of the length.
 */
const MAX_READ = 1_000;
/** Longest line of a stack that is read. A message may be part of the stack, with lines of any length. */
const MAX_LINE = 1_000;
/**
 * Patterns of the parts that differ between failures of the same kind, with their replacements, in the order of use.
 */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>"],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, "<time>"],
  // At most as long as a mailbox may be: https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.1 (2008-10)
  [/[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+/g, "<email>"],
  // A digit is required, since "deadbeef" and "facade" are words.
  [/\b(?:0x)?(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b/gi, "<id>"],
  // Matches inside a name too, as in user_42, and with the separators between digits.
  [/\d+(?:[.,:_-]?\d+)*/g, "<n>"],
];

/**
 * Number of characters of an error that are compared. A dead letter has room for at least as many, unless its other
 * fields are unusually long.
 */
const MAX_ERROR = 200;

/** Replaces the parts of an error that differ between failures of the same kind: ids, times, addresses, numbers. */
export function normalisedError(error: string): string {
  const text = VARIABLE.reduce(
    (rest, [pattern, replacement]) => rest.replaceAll(pattern, replacement),
    error.slice(0, MAX_READ),
  );
  return text.slice(0, MAX_ERROR).toWellFormed();
}

/** Returns the same text for dead letters that failed alike. The line number does not count, since edits change it. */
export function fingerprintOf(type: string | undefined, { reason, error, frame }: DeadLetterInfo): string {
  const place = frame?.replace(/:\d+\)?$/, "") ?? "";
  const parts = [type ?? "", reason, normalisedError(error), place];
  return sha256(parts.join("\n")).toString("hex").slice(0, 12);
}

/**
 * Returns the top frame of the stack that belongs to the application: not to Node, a package or queueport. The format
 * is `charge (billing/card.ts:12)`.
 */
export function frameOf(error: unknown): string | undefined {
  ours ??= ownFolder();
  for (const line of stackOf(error).split("\n")) {
    const frame = line.length > MAX_LINE ? null : FRAME.exec(line);
    if (frame === null) continue;
    const [, name, file = "", at] = frame;
    const path = pathOf(file);
    if (/^node:|[\\/]node_modules[\\/]/.test(path) || path.startsWith(ours)) continue;
    const place = `${path.split(/[\\/]/).slice(-2).join("/")}:${at}`;
    return (name === undefined ? place : `${name} (${place})`).slice(-MAX_FRAME);
  }
  return undefined;
}

/**
 * Returns the folder of queueport's files, read from the stack of an error that is made here: a file that a bundler or
 * jest turned into CommonJS has no `import.meta`. In a bundle, no folder is queueport's, since the application's code may
 * be in the same file.
 */
function ownFolder(): string {
  const [, , file = ""] = FRAME.exec(stackOf(new Error()).split("\n", 2)[1] ?? "") ?? [];
  const folder = /^.*[\\/](?:src[\\/](?=message[\\/]fingerprint\.ts$)|dist[\\/](?=chunks[\\/]receive\.js$))/;
  return folder.exec(pathOf(file))?.[0] ?? "\0";
}

/**
 * Returns the stack of an error; an empty text if it cannot be read. The engine formats a stack at the first read, and
 * a getter of the error may throw then.
 */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error && typeof error.stack === "string" ? error.stack : "";
  } catch {
    return "";
  }
}

function pathOf(file: string): string {
  if (!file.startsWith("file:")) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}
