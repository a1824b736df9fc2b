import type { QueueTraits } from "../driver/limits.ts";
import { isQueueError } from "../errors.ts";
import type { NewMessage } from "../message/message.ts";
import { validateInTime } from "../message/schema.ts";
import type { ManagedSendOptions } from "../queue/managed-receive.ts";
import type { Connection } from "../transport/connection.ts";
import { checkFirstSend } from "./fit.ts";
import { compose, prepare } from "./prepare.ts";
import { leftMs, type SendTarget, type SendTerms } from "./sender.ts";
import { traitsInTime } from "./traits.ts";

/**
 * Checks a message as a send does, and sends nothing. Synchronous up to the copy of the message.
 * @throws QueueError the codes of a send for a message that the queue would never take
 */
export async function checkMessage(
  connection: Connection,
  target: SendTarget,
  queue: string,
  message: NewMessage,
  options: ManagedSendOptions,
  deadlineMs: number,
): Promise<void> {
  const { clock, format, limits } = connection;
  const terms: SendTerms = { deadlineMs, since: clock.monotonic(), signal: options.signal };
  const composed = compose(message, options, clock.now(), format, queue);
  if (message.schema !== undefined)
    await validateInTime(message.schema, message, composed.payloadJson, clock, deadlineMs);
  const traits = connection.knownTraits(queue) ?? (await traitsIfReached(connection, queue, terms));
  try {
    if (traits === undefined) checkFirstSend(queue, { ...composed.encoded, delayMs: 0 }, limits);
    else prepare(target, queue, traits, composed, terms);
  } catch (error) {
    // A codec may make a payload smaller, or keep it elsewhere.
    if (format?.codec === undefined || !isQueueError(error, "too_large")) throw error;
  }
}

/** Undefined if the provider cannot be asked. A queue that does not exist is an error. */
async function traitsIfReached(
  connection: Connection,
  queue: string,
  terms: SendTerms,
): Promise<QueueTraits | undefined> {
  try {
    return await traitsInTime(connection, queue, leftMs(terms, connection.clock), terms.signal);
  } catch (error) {
    if (isQueueError(error, "not_found") || terms.signal?.aborted === true) throw error;
    return undefined;
  }
}
