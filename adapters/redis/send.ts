import { DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import { AttributesWriter } from "../sql/queue/message-row.ts";
import { handleOf } from "./handles.ts";
import { keyQueueOf, pack } from "./message.ts";

/** The messages of one call as the script sends them. It is built before the call returns, and keeps nothing of them. */
export interface Batch {
  /** The arguments of the script: four for each message. */
  readonly values: readonly string[];
  /** Whether a message can be delivered at once. */
  readonly isDue: boolean;
  /** The results by the ids that the script has returned. */
  readonly results: (ids: readonly unknown[]) => SendResult[];
}

export function packBatch(queue: string, messages: readonly Outgoing[]): Batch {
  const writer = new AttributesWriter();
  const values: string[] = [];
  const cancellable: (string | undefined)[] = [];
  for (const message of messages) {
    const keyQueue = keyQueueOf(message.orderingKey);
    values.push(pack(message, writer), String(message.delayMs), message.dedupId ?? "", keyQueue);
    cancellable.push(message.cancellable === true ? keyQueue : undefined);
  }
  return {
    values,
    isDue: messages.some(({ delayMs }) => delayMs === 0),
    results: (ids) =>
      cancellable.map((keyQueue, index): SendResult => {
        const id = ids[index];
        if (typeof id !== "string") return { ok: false, error: new DriverError("ambiguous", UNMENTIONED) };
        return keyQueue === undefined
          ? { ok: true, brokerId: id }
          : { ok: true, brokerId: id, handle: handleOf({ queue, id, keyQueue }) };
      }),
  };
}

const UNMENTIONED = "the server's answer did not mention this message";
