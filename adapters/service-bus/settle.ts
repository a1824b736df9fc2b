import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { type Clock, DriverError, type Operation, type SettleResult } from "../../src/driver/index.ts";
import type { ServiceBusReceipt } from "./delivery.ts";
import { classify, driverError } from "./errors.ts";
import type { PendingSettlements } from "./pending-settlements.ts";
import type { SettleSerializer } from "./settle-serializer.ts";
import { within } from "./time.ts";

/**
 * Characters of a dead-letter reason, and of a description. Microsoft documents no limit. Its .NET client refuses longer
 * texts (`MaxDeadLetterReasonLength` in Azure.Messaging.ServiceBus).
 */
const MAX_REASON_LENGTH = 4_096;
/**
 * Time that a lock renewal waits for its answer, or a third of the lock duration if that is shorter. A renewal can be
 * repeated without harm.
 */
const EXTEND_TIMEOUT_MS = 10_000;
const DONE: SettleResult = { ok: true };

/** An operation that ends the delivery. */
type TerminalOperation = Exclude<Operation, { kind: "extend" }>;

/** Shared by all settlements of one source. */
export interface SettleContext {
  readonly clock: Clock;
  readonly serializer: SettleSerializer;
  readonly pending: PendingSettlements;
}

/** Carries out each operation on its own, and all of them concurrently. The failure of one does not affect the others. */
export function settleAll(operations: readonly Operation[], context: SettleContext): Promise<SettleResult[]> {
  return new Promise((resolve) => {
    const results: SettleResult[] = [];
    let missing = operations.length;
    if (missing === 0) resolve(results);
    for (const [index, operation] of operations.entries())
      settleOne(operation, context, (result) => {
        results[index] = result;
        missing -= 1;
        if (missing === 0) resolve(results);
      });
  });
}

/**
 * Carries out one operation and calls `end` once. It uses a callback in place of a promise, because completions are the
 * most frequent operation and an extra promise costs a measurable share of each.
 */
function settleOne(operation: Operation, context: SettleContext, end: (result: SettleResult) => void): void {
  const receipt = operation.delivery.receipt as ServiceBusReceipt;
  const { kind } = operation;
  if (receipt.settledAs !== undefined) {
    const reason = `The message was settled before, with ${receipt.settledAs}.`;
    end(receipt.settledAs === kind ? DONE : { ok: false, error: new DriverError("lease_lost", reason) });
  } else if (kind === "extend") {
    void extend(receipt, operation.leaseMs, context.clock).then(end);
  } else if (kind === "release" && operation.delayMs > 0) {
    const reason = "Service Bus cannot delay a release.";
    end({ ok: false, error: new DriverError("permanent", reason) });
  } else {
    context.serializer.pass(kind !== "ack", () => settle(operation, receipt, context.pending, end));
  }
}

async function extend(receipt: ServiceBusReceipt, leaseMs: number, clock: Clock): Promise<SettleResult> {
  try {
    const timeoutMs = Math.min(EXTEND_TIMEOUT_MS, leaseMs / 3);
    return { ok: true, leaseUntil: await within(clock, timeoutMs, "The extension", receipt.extend()) };
  } catch (error) {
    return { ok: false, error: failureOf(error, receipt) };
  }
}

function settle(
  operation: TerminalOperation,
  receipt: ServiceBusReceipt,
  pending: PendingSettlements,
  end: (result: SettleResult) => void,
): void {
  const onLink = receipt.wasTried !== true && !receipt.linkGone.aborted;
  const message = onLink ? receipt.message : withoutLink(receipt.message);
  receipt.wasTried = true;
  const failed = (error: unknown): void => end({ ok: false, error: failureOf(error, receipt) });
  const settlement = pending.start(onLink ? receipt.linkGone : undefined, failed);
  call(operation, receipt, message).then(
    () => {
      if (onLink) receipt.wasAnswered = true;
      if (!pending.finish(settlement)) return;
      receipt.settledAs = operation.kind;
      receipt.done(receipt.wasAnswered === true);
      end(DONE);
    },
    (error: unknown) => {
      // An ambiguous error means that the SDK has stopped waiting for the answer.
      if (onLink && classify(error) !== "ambiguous") receipt.wasAnswered = true;
      if (pending.finish(settlement)) failed(error);
    },
  );
}

function failureOf(error: unknown, receipt: ServiceBusReceipt): DriverError {
  const failure = driverError(error, "Settling", "Listen");
  if (failure.kind === "lease_lost") receipt.done(receipt.wasAnswered === true);
  return failure;
}

function call(
  operation: TerminalOperation,
  { settler }: ServiceBusReceipt,
  message: ServiceBusReceivedMessage,
): Promise<void> {
  if (operation.kind === "ack") return settler.completeMessage(message);
  if (operation.kind === "release") return settler.abandonMessage(message);
  return settler.deadLetterMessage(message, {
    ...operation.attributes,
    deadLetterReason: operation.reason.slice(0, MAX_REASON_LENGTH),
    deadLetterErrorDescription: operation.description.slice(0, MAX_REASON_LENGTH),
  });
}

/**
 * A copy of the message that has no link. The SDK settles such a message by its lock token, on the management node. On
 * the link, the SDK settles each message only once, whatever the answer was.
 */
function withoutLink(message: ServiceBusReceivedMessage): ServiceBusReceivedMessage {
  return Object.create(message, { delivery: { value: {}, enumerable: true } }) as ServiceBusReceivedMessage;
}
