import { isQueueError, QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import type { NewMessage } from "../../message/message.ts";
import type { JobSendOutcome, SentJobHandle } from "../job-handle.ts";
import type { JobSendOptions } from "./send-options.ts";

/**
 * Sends each message of a list. Resolves with one outcome each, in the order of the list.
 * @throws QueueError `invalid_options` when `messages` is no list, or one idempotency key is given for all
 */
export async function sendEach(
  messages: readonly NewMessage[],
  { idempotencyKey }: JobSendOptions,
  send: (message: NewMessage) => Promise<SentJobHandle>,
): Promise<JobSendOutcome[]> {
  if (!Array.isArray(messages))
    throw new QueueError(
      "invalid_options",
      `sendBatch takes an array of messages; got ${show(messages)}. send takes one.`,
    );
  if (idempotencyKey !== undefined)
    throw new QueueError(
      "invalid_options",
      "sendBatch: one idempotencyKey cannot name several jobs. Give each message an id.",
    );
  // Array.from, since map would skip a hole in the list, which is a missing message.
  const sending = Array.from(messages, (message: NewMessage) =>
    send(message).then(
      (job): JobSendOutcome => ({ ok: true, job }),
      (error: unknown): JobSendOutcome => ({ ok: false, id: idOf(message), error: sendError(error) }),
    ),
  );
  return Promise.all(sending);
}

function idOf(message: NewMessage | undefined): string | undefined {
  try {
    return message?.id;
  } catch {
    return undefined;
  }
}

function sendError(error: unknown): QueueError {
  if (isQueueError(error)) return error;
  return new QueueError("send_failed", `The job was not sent: ${String(error)}.`, { cause: error });
}
