import { DriverError, type Operation, type SettleResult } from "../../../src/driver/index.ts";
import type { Change, Connection } from "./clients.ts";

/** The receipt of a delivery. */
export interface Receipt {
  readonly id: string;
  readonly token: string;
  /** Whether an ack has succeeded, or got no answer. A further ack succeeds then, although the message is gone. */
  acked: boolean;
}

/** Settles deliveries by one request. */
export async function settleBatch(
  connection: Connection,
  name: string,
  asked: readonly Operation[],
): Promise<SettleResult[]> {
  // Copied before the first `await`: the array belongs to the caller again once the call has returned.
  const operations = [...asked];
  const askedAt = Date.now();
  const changes = operations.map(changeOf);
  const possible = changes.filter((change) => change !== undefined);
  let made: readonly boolean[];
  try {
    made = await connection.request(`settle messages of queue "${name}"`, (client) =>
      client.change(name, possible),
    );
  } catch (error) {
    if ((error as DriverError).kind === "ambiguous") for (const operation of operations) noteAck(operation);
    throw error;
  }
  let next = 0;
  return operations.map((operation, index): SettleResult => {
    if (changes[index] === undefined) return { ok: false, error: notSupported(operation.kind, name) };
    const isMade = made[next] === true;
    next += 1;
    if (!isMade && !(operation.kind === "ack" && receiptOf(operation).acked))
      return { ok: false, error: lost(name) };
    noteAck(operation);
    return operation.kind === "extend" ? { ok: true, leaseUntil: askedAt + operation.leaseMs } : { ok: true };
  });
}

/** Undefined for an operation that the provider does not have. */
function changeOf(operation: Operation): Change | undefined {
  const { id, token } = receiptOf(operation);
  switch (operation.kind) {
    case "ack":
      return { id, token, kind: "ack", ms: 0 };
    case "extend":
      return { id, token, kind: "extend", ms: operation.leaseMs };
    case "release":
      return { id, token, kind: "release", ms: operation.delayMs };
    default:
      return undefined;
  }
}

function noteAck(operation: Operation): void {
  if (operation.kind === "ack") receiptOf(operation).acked = true;
}

function receiptOf({ delivery }: Operation): Receipt {
  return delivery.receipt as Receipt;
}

function lost(name: string): DriverError {
  return new DriverError("lease_lost", `Queue "${name}": the lease of this message was lost.`);
}

function notSupported(kind: string, name: string): DriverError {
  return new DriverError("permanent", `Queue "${name}": the operation "${kind}" is not possible.`);
}
