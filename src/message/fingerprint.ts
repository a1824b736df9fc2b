import { fileURLToPath } from "node:url";
import { sha256 } from "../lib/hash.ts";
import type { DeadLetterInfo } from "./dead-letter-info.ts";

const MAX_FRAME = 120;
/** The folder of queueport's own code; looked up for the first failure, and not by an import. */
let ours: string | undefined;
/** What differs from one failure to the next of the same kind, and what stands for it; in this order. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>"],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?/g, "<time>"],
  [/[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g, "<email>"],
  // With a figure in it, or it would be a word: "deadbeef" is one, "facade" too.
  [/\b(?:0x)?(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b/gi, "<id>"],
  // Also inside of a name, as in user_42 and i-0a1b2c: what is between figures differs as well.
  [/\d+(?:[.,:_-]?\d+)*/g, "<n>"],
];

/** As much of an error tells failures apart: of a long one, what is noted on a letter ends here or there, by its room. */
const MAX_ERROR = 200;

/** The error without what differs from one failure to the next: ids, times, addresses, figures. */
export function normalisedError(error: string): string {
  const text = VARIABLE.reduce((rest, [pattern, stand]) => rest.replaceAll(pattern, stand), error);
  return text.slice(0, MAX_ERROR).toWellFormed();
}

/** The same for dead letters that failed alike, wherever their code was moved to by a line or two. */
export function fingerprintOf(type: string | undefined, { reason, error, frame }: DeadLetterInfo): string {
  const place = frame?.replace(/:\d+\)?$/, "") ?? "";
  const parts = [type ?? "", reason, normalisedError(error), place];
  return sha256(parts.join("\n")).toString("hex").slice(0, 12);
}

/** `charge (billing/card.ts:12)`: the top frame of the stack that is neither Node's, a package's nor ours. */
export function frameOf(error: unknown): string | undefined {
  ours ??= ownFolder();
  for (const line of stackOf(error).split("\n")) {
    const frame = /^ +at (?:async )?(?:(.+) \()?([^()]+?):(\d+):\d+\)?$/.exec(line);
    if (frame === null) continue;
    const [, name, file = "", at] = frame;
    const path = file.startsWith("file:") ? pathOf(file) : file;
    if (/^node:|[\\/]node_modules[\\/]/.test(path) || path.startsWith(ours)) continue;
    const place = `${path.split(/[\\/]/).slice(-2).join("/")}:${at}`;
    return (name === undefined ? place : `${name} (${place})`).slice(-MAX_FRAME);
  }
  return undefined;
}

/** A bundle of format CommonJS has no URL. All code is in one file there, which belongs to the application. */
function ownFolder(): string {
  const { url } = import.meta as Partial<ImportMeta>;
  return url === undefined ? "\0" : fileURLToPath(new URL("..", url));
}

/** A stack is written when it is first read: a message that cannot be read throws here. */
function stackOf(error: unknown): string {
  try {
    return error instanceof Error && typeof error.stack === "string" ? error.stack : "";
  } catch {
    return "";
  }
}

function pathOf(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
