import type { ServiceBusMessage, ServiceBusSender } from "@azure/service-bus";
import { DriverError, type SendResult } from "../../src/driver/index.ts";
import { driverError } from "./errors.ts";

/**
 * Schedules one message in its own request, which returns the sequence number that a cancellation needs. A batch of sends
 * returns no sequence numbers.
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
    // Service Bus drops a message with a repeated id, reports no error, and returns no sequence number.
    if (sequence === undefined) return { ok: true, handle: unscheduledHandle(queue) };
    return { ok: true, handle: handleOf(queue, sequence.toString()) };
  } catch (error) {
    return { ok: false, error: driverError(error, "Scheduling", "Send") };
  }
}

/**
 * Cancels a scheduled message. Returns false if the message was already delivered or cancelled.
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

/** The sequence number in the handle of a message that is not scheduled. Service Bus counts from 1. */
export const NOT_SCHEDULED = 0n;

/** The handle of a message that cannot be cancelled: it has no delay, or Service Bus dropped it as a duplicate. */
export function unscheduledHandle(queue: string): string {
  return handleOf(queue, String(NOT_SCHEDULED));
}

/** The handle for `Driver.cancel`: the logical name of the queue, and the sequence number of the scheduled message. */
export function handleOf(queue: string, sequence: string): string {
  return `${queue}:${sequence}`;
}

/** @throws DriverError `permanent` if the text is not a handle */
export function parseHandle(handle: string): { readonly queue: string; readonly sequence: bigint } {
  const match = /^(.+):(\d{1,19})$/.exec(handle);
  if (match === null)
    throw new DriverError("permanent", `"${handle}" is not a handle of a delayed message on Service Bus.`);
  return { queue: match[1] as string, sequence: BigInt(match[2] as string) };
}

type Long = Extract<Parameters<ServiceBusSender["cancelScheduledMessages"]>[0], { toBytesBE(): number[] }>;

/**
 * Converts a sequence number to the `Long` object that the SDK expects. The SDK does not export the package `long`. It reads
 * only `__isLong__` and the bytes.
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
