import { createTwoFilesPatch } from "diff";
import type { RedriveOptions, RedriveStep } from "../../src/queue/dead-letters.ts";
import { QueueError } from "../../src/errors.ts";
import type { Message, NewMessage } from "../../src/message/message.ts";
import { importFile } from "../lib/import-file.ts";
import { colorsFor, errorLine } from "../lib/output.ts";
import { safeLine } from "../lib/terminal.ts";
import { bodyText } from "./show-dead-letters.ts";

type Transform = NonNullable<RedriveOptions["transform"]>;

/**
 * Loads the function that changes dead letters. If `text` is `file`, the function is its default export, or else its
 * export `transform`. If `text` is `file#name`, the function is the export `name`.
 * @throws QueueError `config` if there is no such file or function
 */
export async function loadTransform(text: string): Promise<Transform> {
  const [file = "", name] = text.split("#");
  const module = await importFile(file, "transform module");
  const found = name === undefined ? (module["default"] ?? module["transform"]) : module[name];
  if (typeof found === "function") return found as Transform;
  const expected =
    name === undefined ? "a default export, or an export named transform," : `an export named ${name}`;
  throw new QueueError(
    "config",
    `${file}: expected ${expected} to be a function (message, info, deadLetter) that returns the message to send, or undefined to leave the dead letter.`,
  );
}

/** The change that a transform made to one message, as a unified diff. Empty if there was no transform. */
export function changeText({ deadLetter, changed }: RedriveStep): string {
  const { message, body } = deadLetter;
  if (changed === undefined) return "";
  const id = safeLine(deadLetter.id);
  try {
    // A body that cannot be read is shown as it is.
    const before = message === undefined ? `${bodyText(body)}\n` : comparable(message);
    const after = comparable({ ...(message === undefined ? {} : inherited(message)), ...changed });
    return patchText(id, before, after);
  } catch (error) {
    // A payload that is nested too deep for JSON must not end the redrive of the others.
    return `${id}: the change cannot be shown: ${errorLine(error)}`;
  }
}

function patchText(id: string, before: string, after: string): string {
  const { green, red, dim, bold } = colorsFor(process.stdout);
  if (before === after) return dim(`${id}: unchanged`);
  const patch = createTwoFilesPatch(id, id, before, after, "dead letter", "as it would be sent");
  return patch
    .split("\n")
    .slice(1)
    .filter((line) => line !== "" && !line.startsWith("\\"))
    .map((line) => {
      if (line.startsWith("---") || line.startsWith("+++")) return bold(line);
      if (line.startsWith("+")) return green(line);
      return line.startsWith("-") ? red(line) : dim(line);
    })
    .join("\n");
}

/** The fields that a message keeps if its transform does not set them. */
function inherited({ id, orderingKey }: Message): Partial<NewMessage> {
  return { id, orderingKey };
}

/** The text of a message, with its fields in a fixed order. */
function comparable({
  id,
  type,
  payload,
  headers = {},
  maxAttempts = 5,
  backoff,
  orderingKey,
}: Partial<NewMessage>): string {
  return `${JSON.stringify({ id, type, payload, headers, maxAttempts, backoff, orderingKey }, null, 2)}\n`;
}
