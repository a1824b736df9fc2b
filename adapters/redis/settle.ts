import type { Delivery, Operation, SettleResult } from "../../src/driver/index.ts";
import { type SettleOutcome, settleResult, withoutDeadLetters } from "../sql/queue/settlements.ts";
import type { RedisConnection } from "./connection/redis-connection.ts";
import { channelOf, keysOf } from "./keys.ts";
import type { Receipt } from "./message.ts";
import { settleScript } from "./scripts/settle.ts";

const OUTCOMES: Readonly<Record<string, SettleOutcome>> = { d: "done", g: "gone", l: "lost" };

/** Settles deliveries of one queue by one script. */
export async function settleAll(
  connection: RedisConnection,
  queue: string,
  operations: readonly Operation[],
): Promise<SettleResult[]> {
  const { prefix, clock } = connection;
  // A copy: the array is the caller's again when this function has returned its promise.
  const all = [...operations];
  const settled = all.filter(({ kind }) => kind !== "dead_letter");
  const values = [channelOf(prefix, queue)];
  for (const operation of settled) {
    const { id, deliveries, keyQueue } = receiptOf(operation.delivery);
    values.push(id, String(deliveries), operation.kind.slice(0, 1), String(msOf(operation)), keyQueue);
  }
  const now = clock.now();
  const outcomes =
    settled.length === 0
      ? ""
      : String(
          await connection.run(
            `settle messages of queue "${queue}"`,
            settleScript,
            keysOf(prefix, queue),
            values,
          ),
        );
  let next = 0;
  return all.map((operation) => {
    if (operation.kind === "dead_letter") return withoutDeadLetters(queue);
    const outcome = OUTCOMES[outcomes[next] ?? ""] ?? "lost";
    next += 1;
    return settleResult(queue, operation, outcome, now + msOf(operation));
  });
}

function receiptOf({ receipt }: Delivery): Receipt {
  return receipt as Receipt;
}

function msOf(operation: Operation): number {
  if (operation.kind === "extend") return operation.leaseMs;
  return operation.kind === "release" ? operation.delayMs : 0;
}
