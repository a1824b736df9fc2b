import { type Clock, DriverError, type Operation, type SettleResult } from "../../src/driver/index.ts";
import { type Clients, once } from "./clients.ts";
import { type Receipt, receiptOf } from "./delivery.ts";
import { CODE, codeOf, driverError, failuresById } from "./errors.ts";
import { leaseSeconds, MAX_LEASE_SECONDS } from "./limits.ts";

const PERMISSION = "pubsub.subscriptions.consume";

/** The subscription whose messages are settled, and the clients that make the requests. */
export interface SettleTarget {
  readonly clients: Clients;
  readonly subscription: string;
  readonly clock: Clock;
}

/**
 * Settles messages. All acknowledgements share one request. Extensions and releases with the same deadline share one
 * request. The requests are made in parallel. An operation that fails does not affect the others.
 */
export async function settleBatch(
  target: SettleTarget,
  operations: readonly Operation[],
): Promise<SettleResult[]> {
  const now = target.clock.monotonic();
  const results: SettleResult[] = [];
  const acks: number[] = [];
  const changes = new Map<number, number[]>();
  for (const [index, operation] of operations.entries()) {
    const receipt = receiptOf(operation.delivery);
    const seconds = secondsOf(operation);
    if (operation.kind === "dead_letter" || seconds > MAX_LEASE_SECONDS) {
      results[index] = { ok: false, error: refused(operation) };
    } else if (operation.kind === "ack" && receipt.acked) {
      results[index] = { ok: true };
    } else if (receipt.leaseUntil <= now) {
      // Pub/Sub would accept the late change, and hide or remove the message that another receiver has by now.
      results[index] = { ok: false, error: new DriverError("lease_lost", "the ack deadline has passed") };
    } else if (operation.kind === "ack") {
      acks.push(index);
    } else {
      const same = changes.get(seconds);
      if (same === undefined) changes.set(seconds, [index]);
      else same.push(index);
    }
  }
  const gather = async (indexes: readonly number[], seconds: number | undefined): Promise<void> => {
    const receipts = indexes.map((index) => receiptOf((operations[index] as Operation).delivery));
    const failures = await request(target, receipts, seconds);
    for (const [at, index] of indexes.entries()) {
      const receipt = receipts[at] as Receipt;
      const error = failures.get(receipt.ackId);
      if (error !== undefined) results[index] = { ok: false, error };
      else
        results[index] = done(
          operations[index] as Operation,
          receipt,
          now + (seconds ?? 0) * 1_000,
          target.clock,
        );
    }
  };
  const requests = Array.from(changes, ([seconds, indexes]) => gather(indexes, seconds));
  if (acks.length > 0) requests.push(gather(acks, undefined));
  await Promise.all(requests);
  return results;
}

/** Sets the remaining time of these leases. Resolves with the errors by ack id. */
export function modifyDeadlines(
  target: SettleTarget,
  receipts: readonly Receipt[],
  seconds: number,
): Promise<Map<string, DriverError>> {
  return request(target, receipts, seconds);
}

function done(operation: Operation, receipt: Receipt, until: number, clock: Clock): SettleResult {
  if (operation.kind === "ack") receipt.acked = true;
  receipt.leaseUntil = operation.kind === "extend" ? until : 0;
  return operation.kind === "extend"
    ? { ok: true, leaseUntil: until - clock.monotonic() + clock.now() }
    : { ok: true };
}

function secondsOf(operation: Operation): number {
  if (operation.kind === "extend") return leaseSeconds(operation.leaseMs);
  return operation.kind === "release" ? Math.ceil(operation.delayMs / 1_000) : 0;
}

function refused({ kind }: Operation): DriverError {
  const sentence =
    kind === "dead_letter"
      ? "Pub/Sub cannot dead-letter a message on request."
      : `An ack deadline lasts at most ${MAX_LEASE_SECONDS} seconds.`;
  return new DriverError("permanent", sentence);
}

/**
 * Makes one `Acknowledge`, or one `ModifyAckDeadline` if `seconds` is given. Resolves with the errors by ack id. Never
 * rejects.
 */
async function request(
  target: SettleTarget,
  receipts: readonly Receipt[],
  seconds: number | undefined,
): Promise<Map<string, DriverError>> {
  const { clients, subscription } = target;
  const ackIds = receipts.map(({ ackId }) => ackId);
  try {
    await clients.answer(
      seconds === undefined
        ? clients.subscriber.acknowledge({ subscription, ackIds }, once())
        : clients.subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: seconds }, once()),
    );
    return new Map();
  } catch (cause) {
    const failures = failuresById(cause, PERMISSION);
    if (failures.size > 0) return failures;
    if (codeOf(cause) === CODE.invalidArgument && receipts.length > 1) {
      // One invalid id makes Pub/Sub refuse all ids. The request is halved until the invalid id is alone.
      const half = Math.ceil(receipts.length / 2);
      const parts = [receipts.slice(0, half), receipts.slice(half)];
      const found = await Promise.all(parts.map((part) => request(target, part, seconds)));
      return new Map(found.flatMap((part) => [...part]));
    }
    const error =
      codeOf(cause) === CODE.invalidArgument
        ? new DriverError("lease_lost", `${PERMISSION}: the ack id is not valid any more`, { cause })
        : driverError(cause, PERMISSION);
    return new Map(ackIds.map((ackId) => [ackId, error]));
  }
}
