import { inspect } from "node:util";
import Table from "cli-table3";
import type { DeadLetter, DeadLetterGroup } from "../../src/dead-letter/dead-letters.ts";
import { colorsFor } from "../lib/output.ts";

/** What is left of a line for the error, beside the other columns. */
const LEAST_ERROR = 40;
const OTHER_COLUMNS = 86;

/** A dead letter as `--json` shows it. A body that is not text is base64. */
export function letterJson({ id, info, message, body, fingerprint }: DeadLetter): object {
  const readable = message === undefined ? {} : { message };
  return { id, type: message?.type ?? null, fingerprint, ...info, ...readable, ...bodyJson(body) };
}

/** A group as `--json` shows it. */
export function groupJson({ type, frame, example, ...group }: DeadLetterGroup): object {
  return { ...group, type: type ?? null, frame: frame ?? null, example: letterJson(example) };
}

export function lettersTable(letters: readonly DeadLetter[]): string {
  const { red, dim } = colorsFor(process.stdout);
  return table(
    ["id", "type", "reason", "attempts", "dead-lettered", "error"],
    letters.map(({ id, info, message }) => [
      id,
      message?.type ?? dim("unreadable"),
      info.reason,
      info.attempts,
      timeText(info.at),
      red(cut(info.error)),
    ]),
  );
}

export function groupsTable(groups: readonly DeadLetterGroup[]): string {
  const { red, dim } = colorsFor(process.stdout);
  return table(
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

/** All that is known of one dead letter, for people. */
export function letterText({ id, info, message, body, fingerprint }: DeadLetter): string {
  const { bold, red } = colorsFor(process.stdout);
  const lines: [string, string | undefined][] = [
    ["id", id],
    ["type", message?.type ?? "unreadable"],
    ["reason", info.reason],
    ["error", red(info.error === "" ? "none" : info.error)],
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
  if (message === undefined) return [...head, bold("body"), shown(body)].join("\n");
  const headers = Object.keys(message.headers).length > 0 ? [bold("headers"), json(message.headers)] : [];
  return [...head, ...headers, bold("payload"), json(message.payload)].join("\n");
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const { bold } = colorsFor(process.stdout);
  const made = new Table({ head: head.map((title) => bold(title)), style: { head: [], border: [] } });
  for (const row of rows) made.push([...row]);
  return made.toString();
}

function bodyJson(body: DeadLetter["body"]): object {
  if (typeof body === "string") return { body };
  const text = Buffer.from(body).toString();
  return Buffer.from(text).equals(body)
    ? { body: text }
    : { bodyBase64: Buffer.from(body).toString("base64") };
}

function shown(body: DeadLetter["body"]): string {
  return typeof body === "string" ? body : inspect(Buffer.from(body).toString(), { maxStringLength: 10_000 });
}

function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

function timeText(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")}Z`;
}

function cut(text: string): string {
  const width = Math.max(LEAST_ERROR, (process.stdout.columns ?? 0) - OTHER_COLUMNS);
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
