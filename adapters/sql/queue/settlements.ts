import { DriverError, type Operation, type SettleResult } from "../../../src/driver/index.ts";

/**
 * The outcome of a settlement in the table: it was carried out, the message is gone, or it has been delivered again since.
 */
export type SettleOutcome = "done" | "gone" | "lost";

const DONE: SettleResult = { ok: true };

/**
 * The result of one operation. A message that is gone was acknowledged before, whose answer may have been lost.
 * @param leaseUntil the end of an extended lease, by the clock of this process
 */
export function settleResult(
  queue: string,
  operation: Operation,
  outcome: SettleOutcome,
  leaseUntil: number,
): SettleResult {
  const { kind } = operation;
  if (outcome === "done") return kind === "extend" ? { ok: true, leaseUntil } : DONE;
  if (outcome === "gone" && kind !== "extend") return DONE;
  const reason = outcome === "gone" ? "was acknowledged" : "has been delivered again";
  return {
    ok: false,
    error: new DriverError("lease_lost", `A message of queue "${queue}" ${reason} since this delivery.`),
  };
}

/** The error of an operation that queues in a table do not have: the core moves dead letters itself. */
export function withoutDeadLetters(queue: string): SettleResult {
  const sentence = `Queue "${queue}" has no dead letters of its own.`;
  return { ok: false, error: new DriverError("permanent", sentence) };
}
