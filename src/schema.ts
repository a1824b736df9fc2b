import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "./clock.ts";
import { QueueError } from "./errors.ts";
import type { NewMessage } from "./message.ts";
import { show } from "./text.ts";
import { within } from "./wait.ts";

/**
 * The payload as the schema gives it back.
 *
 * @throws QueueError `invalid_payload`, naming each issue with its path
 */
export async function validatePayload(
  schema: StandardSchemaV1,
  type: string,
  payload: unknown,
): Promise<unknown> {
  // Awaited in any case: what is no Promise of this realm may be one all the same.
  const result = await schema["~standard"].validate(payload);
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, 5).map(({ path, message }) => {
    const at = path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
    return at === undefined || at === "" ? message : `${at}: ${message}`;
  });
  throw new QueueError(
    "invalid_payload",
    `The payload of ${show(type)} does not fit its schema: ${issues.join("; ")}.`,
  );
}

/**
 * Validates what is to be sent, within the deadline of the send.
 *
 * @throws QueueError `invalid_payload`; `send_timeout` where the schema does not answer
 */
export async function validateInTime(
  schema: StandardSchemaV1,
  { type, payload }: NewMessage,
  clock: Clock,
  deadlineMs: number,
): Promise<void> {
  await within(clock, deadlineMs, validatePayload(schema, type, payload), () => {
    throw new QueueError(
      "send_timeout",
      `The schema of ${show(type)} had not validated the payload after ${deadlineMs} ms; the message was not sent. Give a longer deadline, or look at what the schema waits for.`,
      { retryable: true },
    );
  });
}
