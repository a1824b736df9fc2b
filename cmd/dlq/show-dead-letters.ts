import { inspect } from "node:util";
import { describeError } from "../../src/errors.ts";
import type { DeadLetter, DeadLetterGroup } from "../../src/queue/dead-letters.ts";
import { counted, timeText } from "../lib/format.ts";
import { colorsFor, type Colors } from "../lib/output.ts";
import { fit } from "../lib/table.ts";
import { safeLine, safeText } from "../lib/terminal.ts";

/** Largest number of characters of a body that `dlq show` prints. */
const MAX_BODY = 10_000;

/** Dead letters as `--json` prints them: a list. */
export function deadLettersJson(deadLetters: readonly DeadLetter[]): string {
  return `[${deadLetters.map(deadLetterJson).join(",")}]`;
}

/** A dead letter as `--json` prints it. A body that is not UTF-8 is printed as base64. */
export function deadLetterJson(deadLetter: DeadLetter): string {
  const { id, info, message, problem, body, fingerprint } = deadLetter;
  const facts = { id, type: message?.type ?? null, fingerprint, ...info };
  const wrong = problem === undefined ? {} : { problem };
  try {
    const readable = message === undefined ? {} : { message };
    return JSON.stringify({ ...facts, ...readable, ...wrong, ...bodyJson(body) });
  } catch (error) {
    // One payload that cannot be written must not hide the other dead letters.
    return JSON.stringify({ ...facts, ...wrong, unreadable: describeError(error), ...bodyJson(body) });
  }
}

/** Groups as `--json` prints them: a list. */
export function groupsJson(groups: readonly DeadLetterGroup[]): string {
  const texts = groups.map(({ type, frame, example, ...group }) => {
    const facts = JSON.stringify({ ...group, type: type ?? null, frame: frame ?? null });
    return `${facts.slice(0, -1)},"example":${deadLetterJson(example)}}`;
  });
  return `[${texts.join(",")}]`;
}

/** Dead letters for people: two lines each, which fit the terminal. */
export function deadLettersText(deadLetters: readonly DeadLetter[]): string {
  const colors = colorsFor(process.stdout);
  return deadLetters
    .map(({ id, info, message, problem }) =>
      record(
        `${colors.bold(safeLine(id))}  ${typeText(message?.type, colors)}  ${timeText(info.at)}`,
        `${reasonText(info.reason)} after ${counted(info.attempts, "attempt")}`,
        info.error === "" ? (problem ?? "") : info.error,
        colors,
      ),
    )
    .join("\n");
}

/** Groups for people. */
export function groupsText(groups: readonly DeadLetterGroup[]): string {
  const colors = colorsFor(process.stdout);
  return groups
    .map(({ fingerprint, count, type, reason, firstAt, lastAt, error, frame }) => {
      const head = `${colors.bold(fingerprint)}  ${count} × ${typeText(type, colors)}`;
      const lines = [record(head, reasonText(reason), error, colors)];
      if (frame !== undefined) lines.push(colors.dim(`  ${fit(`at ${safeLine(frame)}`, 2)}`));
      lines.push(colors.dim(`  ${timeText(firstAt)} to ${timeText(lastAt)}`));
      return lines.join("\n");
    })
    .join("\n");
}

/** Everything about one dead letter, for people. */
export function deadLetterText({ id, info, message, problem, body, fingerprint }: DeadLetter): string {
  const { bold, red } = colorsFor(process.stdout);
  const lines: [string, string | undefined][] = [
    ["id", safeLine(id)],
    ["type", safeLine(message?.type ?? "unreadable")],
    ["reason", reasonText(info.reason)],
    ["error", red(info.error === "" ? "none" : safeText(info.error))],
    ["problem", problem === undefined ? undefined : safeText(problem)],
    ["at", info.frame === undefined ? undefined : safeLine(info.frame)],
    ["attempts", String(info.attempts)],
    ["queue", safeLine(info.source)],
    ["dead-lettered", timeText(info.at)],
    ["created", info.firstSeenAt === undefined ? undefined : timeText(info.firstSeenAt)],
    ["group", fingerprint],
    ["ordering key", info.orderingKey === undefined ? undefined : safeLine(info.orderingKey)],
    ["trace", message?.trace === undefined ? undefined : safeLine(message.trace.traceparent)],
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

export function bodyText(body: DeadLetter["body"]): string {
  return typeof body === "string"
    ? safeText(body)
    : inspect(Buffer.from(body).toString(), { maxStringLength: MAX_BODY });
}

function json(value: unknown): string {
  try {
    return safeText(JSON.stringify(value, null, 2) ?? "undefined");
  } catch (error) {
    return `cannot be shown: ${describeError(error)}; --json prints the body as it is`;
  }
}

/** A line about a dead letter or a group, and a line with its reason and its error. */
function record(head: string, reason: string, error: string, { red }: Colors): string {
  const prefix = `  ${reason}`;
  if (error === "") return `${head}\n${prefix}`;
  return `${head}\n${prefix}: ${red(fit(safeLine(error), prefix.length + 2))}`;
}

function typeText(type: string | undefined, { dim }: Colors): string {
  return type === undefined ? dim("unreadable") : safeLine(type);
}

function reasonText(reason: string): string {
  return safeLine(reason);
}
