import { DriverError, type Operation, type SettleResult } from "../../../src/driver/index.ts";
import type { Change, Connection } from "./clients.ts";

/** The receipt of a delivery. */
export interface Receipt {
  readonly id: string;
  readonly token: string;
  /** Whether an ack has succeeded, or was tried without an answer. A further ack then succeeds as well. */
  acked: boolean;
}

/** Settles deliveries by one request. */
export async function settleBatch(
  connection: Connection,
  name: string,
  operations: readonly Operation[],
): Promise<SettleResult[]> {
  const changes = operations.map(changeOf);
  const askedAt = Date.now();
  // Noted before the answer, which may be lost: the message is then removed, and the second ack finds none.
  const ackedBefore = operations.map(noteAck);
  const made = await connection.request(`settle messages of queue "${name}"`, (client) =>
    client.change(
      name,
      changes.filter((change) => change !== undefined),
    ),
  );
  let next = 0;
  return operations.map((operation, index): SettleResult => {
    if (changes[index] === undefined) return { ok: false, error: notSupported(operation.kind, name) };
    const isMade = made[next] === true || ackedBefore[index] === true;
    next += 1;
    if (!isMade) return { ok: false, error: lost(name) };
    return operation.kind === "extend" ? { ok: true, leaseUntil: askedAt + operation.leaseMs } : { ok: true };
  });
}

/** Undefined for an operation that the provider does not have. */
function changeOf(operation: Operation): Change | undefined {
  const { id, token } = operation.delivery.receipt as Receipt;
  switch (operation.kind) {
    case "ack":
      return { id, token, change: { kind: "remove" } };
    case "extend":
      return { id, token, change: { kind: "hide", ms: operation.leaseMs } };
    case "release":
      return { id, token, change: { kind: "hide", ms: operation.delayMs } };
    default:
      return undefined;
  }
}

/** Marks the receipt of an ack. Returns whether it was marked before. */
function noteAck({ kind, delivery }: Operation): boolean {
  if (kind !== "ack") return false;
  const receipt = delivery.receipt as Receipt;
  const before = receipt.acked;
  receipt.acked = true;
  return before;
}

function lost(name: string): DriverError {
  return new DriverError("lease_lost", `Queue "${name}": the lease of this message was lost.`);
}

function notSupported(kind: string, name: string): DriverError {
  return new DriverError("permanent", `Queue "${name}": the operation "${kind}" is not possible.`);
}
