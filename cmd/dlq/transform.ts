import { createTwoFilesPatch } from "diff";
import type { RedriveStep } from "../../src/dead-letter/dead-letters.ts";
import type { Message, NewMessage } from "../../src/message.ts";
import { colorsFor } from "../lib/output.ts";

/** What a transform has made of one message, as a unified diff. */
export function changeText({ deadLetter: letter, changed }: RedriveStep): string {
  const { green, red, dim, bold } = colorsFor(process.stdout);
  if (letter.message === undefined || changed === undefined) return "";
  const [before, after] = [written(letter.message), written({ ...kept(letter.message), ...changed })];
  if (before === after) return dim(`${letter.id}: unchanged`);
  const patch = createTwoFilesPatch(
    letter.id,
    letter.id,
    before,
    after,
    "dead letter",
    "as it would be sent",
  );
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

/** What a message keeps of itself where its transform does not say. */
function kept({ id, orderingKey }: Message): Partial<NewMessage> {
  return { id, orderingKey };
}

/** What is compared, in one order, whoever made it. */
function written({
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
