import { inspect } from "node:util";
import type { DeadLetter, DeadLetterGroup } from "../../src/queue/dead-letters.ts";
import { colorsFor } from "../lib/output.ts";
import { formatTable } from "../lib/table.ts";

/** Smallest width of the error column, in characters. */
const LEAST_ERROR = 40;
/** Width of the other columns together. */
const OTHER_COLUMNS = 86;

/** A dead letter as `--json` prints it. A body that is not UTF-8 is printed as base64. */
export function deadLetterJson({ id, info, message, problem, body, fingerprint }: DeadLetter): object {
  const readable = message === undefined ? {} : { message };
  const wrong = problem === undefined ? {} : { problem };
  return { id, type: message?.type ?? null, fingerprint, ...info, ...readable, ...wrong, ...bodyJson(body) };
}

/** A group as `--json` prints it. */
export function groupJson({ type, frame, example, ...group }: DeadLetterGroup): object {
  return { ...group, type: type ?? null, frame: frame ?? null, example: deadLetterJson(example) };
}

/** Dead letters as a table, one per line. */
export function deadLettersTable(deadLetters: readonly DeadLetter[]): string {
  const { red, dim } = colorsFor(process.stdout);
  return formatTable(
    ["id", "type", "reason", "attempts", "dead-lettered", "error"],
    deadLetters.map(({ id, info, message, problem }) => [
      id,
      message?.type ?? dim("unreadable"),
      info.reason,
      info.attempts,
      timeText(info.at),
      red(cut(info.error === "" ? (problem ?? "") : info.error)),
    ]),
  );
}

/** Groups as a table. */
export function groupsTable(groups: readonly DeadLetterGroup[]): string {
  const { red, dim } = colorsFor(process.stdout);
  return formatTable(
    ["group", "count", "type", "reason", "first", "last", "error"],
    groups.map(({ fingerprint, count, type, reason, firstAt, lastAt, error, frame }) => [
      fingerprint,
      count,
      type ?? dim("unreadable"),
      reason,
      timeText(firstAt),
      timeText(lastAt),
      `${red(cut(error))}${frame === undefined ? "" : `\n${dim(`at ${frame}`)}`}`,
    ]),
  );
}

/** Everything about one dead letter, for people. */
export function deadLetterText({ id, info, message, problem, body, fingerprint }: DeadLetter): string {
  const { bold, red } = colorsFor(process.stdout);
  const lines: [string, string | undefined][] = [
    ["id", id],
    ["type", message?.type ?? "unreadable"],
    ["reason", info.reason],
    ["error", red(info.error === "" ? "none" : info.error)],
    ["problem", problem],
    ["at", info.frame],
    ["attempts", String(info.attempts)],
    ["queue", info.source],
    ["dead-lettered", info.at.toISOString()],
    ["created", info.firstSeenAt?.toISOString()],
    ["group", fingerprint],
    ["ordering key", info.orderingKey],
    ["trace", message?.trace?.traceparent],
  ];
  const head = lines.flatMap(([name, value]) =>
    value === undefined ? [] : [`${bold(name.padEnd(13))}  ${value}`],
  );
  if (message === undefined) return [...head, bold("body"), bodyText(body)].join("\n");
  const headers = Object.keys(message.headers).length > 0 ? [bold("headers"), json(message.headers)] : [];
  return [...head, ...headers, bold("payload"), json(message.payload)].join("\n");
}

function bodyJson(body: DeadLetter["body"]): object {
  if (typeof body === "string") return { body };
  const text = Buffer.from(body).toString();
  return Buffer.from(text).equals(body)
    ? { body: text }
    : { bodyBase64: Buffer.from(body).toString("base64") };
}

/** A body for people. Bytes that are not UTF-8 are replaced. */
export function bodyText(body: DeadLetter["body"]): string {
  return typeof body === "string" ? body : inspect(Buffer.from(body).toString(), { maxStringLength: 10_000 });
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function timeText(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

/** Shortens an error so that a table row fits the terminal. */
function cut(text: string): string {
  const width = Math.max(LEAST_ERROR, (process.stdout.columns ?? 0) - OTHER_COLUMNS);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
