import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { type Clock, DriverError, type Operation, type SettleResult } from "../../src/driver/index.ts";
import type { Receipt } from "./delivery.ts";
import { classify, driverError } from "./errors.ts";
import { within } from "./time.ts";
import type { Turnstile } from "./turnstile.ts";

/** The SDK waits up to a minute for an answer, which is longer than most locks last. */
const ANSWER_MS = 10_000;
/** The most that the service takes for a reason, and for a description. */
const MAX_NOTE = 4_096;

/** Carries out each operation by itself, all side by side. One that fails, fails alone. */
export function settleAll(
  operations: readonly Operation[],
  clock: Clock,
  turnstile: Turnstile,
): Promise<SettleResult[]> {
  return Promise.all(operations.map((operation) => settleOne(operation, clock, turnstile)));
}

async function settleOne(operation: Operation, clock: Clock, turnstile: Turnstile): Promise<SettleResult> {
  const receipt = operation.delivery.receipt as Receipt;
  const { kind } = operation;
  if (receipt.settledAs !== undefined) {
    if (receipt.settledAs === kind) return { ok: true };
    return {
      ok: false,
      error: new DriverError("lease_lost", `The message was settled before, by ${receipt.settledAs}.`),
    };
  }
  try {
    if (kind === "extend") {
      // To ask again does no harm, and of a short lock there is not much time for it.
      const answerMs = Math.min(ANSWER_MS, operation.leaseMs / 3);
      const leaseUntil = await within(clock, answerMs, "The extension", receipt.extend());
      return { ok: true, leaseUntil };
    }
    if (kind === "release" && operation.delayMs > 0)
      throw new DriverError("permanent", "Service Bus releases at once; a delay is not possible.");
    await turnstile.pass(kind !== "ack", async () => {
      const onLink = receipt.wasTried !== true && !receipt.linkGone.aborted;
      const message = onLink ? receipt.message : unlinked(receipt.message);
      receipt.wasTried = true;
      const answered = carryOut(operation, receipt, message);
      if (onLink) noteAnswer(answered, receipt);
      await within(clock, ANSWER_MS, "The settlement", answered, onLink ? receipt.linkGone : undefined);
    });
    receipt.settledAs = kind;
    receipt.done(receipt.wasAnswered === true);
    return { ok: true };
  } catch (error) {
    const failure = driverError(error, "Settling", "Listen");
    if (failure.kind === "lease_lost") receipt.done(receipt.wasAnswered === true);
    return { ok: false, error: failure };
  }
}

/** The SDK gives up waiting with an error as well, which is no answer. */
function noteAnswer(answered: Promise<void>, receipt: Receipt): void {
  answered.then(
    () => {
      receipt.wasAnswered = true;
    },
    (error: unknown) => {
      if (classify(error) !== "ambiguous") receipt.wasAnswered = true;
    },
  );
}

function carryOut(
  operation: Exclude<Operation, { kind: "extend" }>,
  { settler }: Receipt,
  message: ServiceBusReceivedMessage,
): Promise<void> {
  if (operation.kind === "ack") return settler.completeMessage(message);
  if (operation.kind === "release") return settler.abandonMessage(message);
  return settler.deadLetterMessage(message, {
    ...operation.attributes,
    deadLetterReason: operation.reason.slice(0, MAX_NOTE),
    deadLetterErrorDescription: operation.description.slice(0, MAX_NOTE),
  });
}

/**
 * The same message as if it had come without a link: it is then settled by its lock token, on the management node.
 * On the link itself, the SDK settles a message once and no more, whatever was answered.
 */
function unlinked(message: ServiceBusReceivedMessage): ServiceBusReceivedMessage {
  return Object.create(message, { delivery: { value: {}, enumerable: true } }) as ServiceBusReceivedMessage;
}
