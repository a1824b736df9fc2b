import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { type Clock, DriverError, type Operation, type SettleResult } from "../../src/driver/index.ts";
import type { Answers } from "./answers.ts";
import type { Receipt } from "./delivery.ts";
import { classify, driverError } from "./errors.ts";
import { within } from "./time.ts";
import type { SettleSerializer } from "./turnstile.ts";

/** The most that the service takes for a reason, and for a description. */
const MAX_NOTE = 4_096;
/** To ask again does no harm, so that an extension is waited for no longer than this, or a third of its lock. */
const EXTENSION_MS = 10_000;
const DONE: SettleResult = { ok: true };

type Conclusion = Exclude<Operation, { kind: "extend" }>;

/** What settlements of one source have in common. */
export interface SettleContext {
  readonly clock: Clock;
  readonly turnstile: SettleSerializer;
  readonly answers: Answers;
}

/** Carries out each operation by itself, all side by side. One that fails, fails alone. */
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

/** Calls `end` once. Completions are most of all, and most of what each costs: so no promise but the SDK's own. */
function settleOne(operation: Operation, context: SettleContext, end: (result: SettleResult) => void): void {
  const receipt = operation.delivery.receipt as Receipt;
  const { kind } = operation;
  if (receipt.settledAs !== undefined) {
    const before = `The message was settled before, by ${receipt.settledAs}.`;
    end(receipt.settledAs === kind ? DONE : { ok: false, error: new DriverError("lease_lost", before) });
  } else if (kind === "extend") {
    void extend(receipt, operation.leaseMs, context.clock).then(end);
  } else if (kind === "release" && operation.delayMs > 0) {
    const impossible = "Service Bus releases at once; a delay is not possible.";
    end({ ok: false, error: new DriverError("permanent", impossible) });
  } else {
    context.turnstile.pass(kind !== "ack", () => conclude(operation, receipt, context.answers, end));
  }
}

async function extend(receipt: Receipt, leaseMs: number, clock: Clock): Promise<SettleResult> {
  try {
    const answerMs = Math.min(EXTENSION_MS, leaseMs / 3);
    return { ok: true, leaseUntil: await within(clock, answerMs, "The extension", receipt.extend()) };
  } catch (error) {
    return { ok: false, error: failureOf(error, receipt) };
  }
}

function conclude(
  operation: Conclusion,
  receipt: Receipt,
  answers: Answers,
  end: (result: SettleResult) => void,
): void {
  const onLink = receipt.wasTried !== true && !receipt.linkGone.aborted;
  const message = onLink ? receipt.message : unlinked(receipt.message);
  receipt.wasTried = true;
  const failed = (error: unknown): void => end({ ok: false, error: failureOf(error, receipt) });
  const awaited = answers.expect(onLink ? receipt.linkGone : undefined, failed);
  carryOut(operation, receipt, message).then(
    () => {
      if (onLink) receipt.wasAnswered = true;
      if (!answers.came(awaited)) return;
      receipt.settledAs = operation.kind;
      receipt.done(receipt.wasAnswered === true);
      end(DONE);
    },
    (error: unknown) => {
      // The SDK gives up waiting with an error as well, which is no answer.
      if (onLink && classify(error) !== "ambiguous") receipt.wasAnswered = true;
      if (answers.came(awaited)) failed(error);
    },
  );
}

function failureOf(error: unknown, receipt: Receipt): DriverError {
  const failure = driverError(error, "Settling", "Listen");
  if (failure.kind === "lease_lost") receipt.done(receipt.wasAnswered === true);
  return failure;
}

function carryOut(
  operation: Conclusion,
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
