import type { ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import { DriverError, type SendResult } from "../../src/driver/index.ts";
import { driverError } from "./errors.ts";

/**
 * Schedules one message, in a request of its own. A message that is scheduled in a batch of sends has no sequence number
 * to cancel it by.
 */
export async function scheduleMessage(
  sender: ServiceBusSender,
  queue: string,
  message: ServiceBusMessage,
  at: Date,
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    const [sequence] = await sender.scheduleMessages(message, at, { abortSignal: signal });
    // Service Bus drops a repeated message id without an error, and returns no sequence number.
    if (sequence === undefined) return { ok: true };
    return { ok: true, handle: handleOf(queue, sequence.toString()) };
  } catch (error) {
    return { ok: false, error: driverError(error, "Scheduling", "Send") };
  }
}

/**
 * Cancels a scheduled message. Returns false if the message was delivered or cancelled before.
 * @throws DriverError
 */
export async function cancelMessage(sender: ServiceBusSender, sequence: bigint): Promise<boolean> {
  try {
    await sender.cancelScheduledMessages(longOf(sequence));
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === "MessageNotFound") return false;
    throw driverError(error, "Cancelling", "Send");
  }
}

/** The handle for `Driver.cancel`: the logical name of the queue, and the sequence number of the scheduled message. */
export function handleOf(queue: string, sequence: string): string {
  return `${queue}:${sequence}`;
}

/** @throws DriverError `permanent` if the text is no handle */
export function parseHandle(handle: string): { readonly queue: string; readonly sequence: bigint } {
  const match = /^(.+):(\d{1,19})$/.exec(handle);
  if (match === null)
    throw new DriverError("permanent", `"${handle}" is not a handle of a delayed message on Service Bus.`);
  return { queue: match[1] as string, sequence: BigInt(match[2] as string) };
}

type Long = Extract<Parameters<ServiceBusSender["cancelScheduledMessages"]>[0], { toBytesBE(): number[] }>;

/**
 * A sequence number in the form that the SDK takes: an object of the package `long`, which the SDK does not export. The
 * SDK reads only the mark and the bytes.
 */
function longOf(value: bigint): Long {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  const long = {
    __isLong__: true,
    toBytesBE: (): number[] => [...bytes],
    toString: (): string => String(value),
  };
  return long as unknown as Long;
}
