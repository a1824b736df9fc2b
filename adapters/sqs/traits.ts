import { GetQueueAttributesCommand, type QueueAttributeName } from "@aws-sdk/client-sqs";
import {
  type Clock,
  DriverError,
  type DriverStats,
  type QueueTraits,
  siblingQueue,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { DEDUP_WINDOW_MS, FIFO_NATIVE_DELAY_MS, sqsLimits } from "./limits.ts";
import { request } from "./request.ts";

type QueueAttributes = Readonly<Partial<Record<QueueAttributeName, string>>>;

/** Reads the traits of one queue. */
export async function describeQueue(clients: Clients, queue: string, url: string): Promise<QueueTraits> {
  const { FifoQueue, RedrivePolicy } = await queueAttributes(clients, url, ["All"]);
  const fifo = FifoQueue === "true";
  return {
    ordering: fifo ? "by_key" : "none",
    orderingKeyRequired: fifo,
    dedupWindowMs: fifo ? DEDUP_WINDOW_MS : 0,
    deadLetter: "copy",
    deadLetterQueue: siblingQueue(queue, "-dlq"),
    delayQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: fifo ? FIFO_NATIVE_DELAY_MS : sqsLimits.nativeDelayMs,
    brokerMaxDeliveries: maxReceiveCount(RedrivePolicy),
    countsDeliveries: true,
  };
}

/** Reads the counts of one queue. They are correct about a minute after the last change. */
export async function readStats(clients: Clients, url: string, clock: Clock): Promise<DriverStats> {
  const counts = await queueAttributes(clients, url, [
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
  ]);
  return {
    ready: count(counts.ApproximateNumberOfMessages),
    inFlight: count(counts.ApproximateNumberOfMessagesNotVisible),
    delayed: count(counts.ApproximateNumberOfMessagesDelayed),
    approximate: true,
    asOf: clock.now(),
  };
}

export async function queueAttributes(
  clients: Clients,
  url: string,
  names: QueueAttributeName[],
): Promise<QueueAttributes> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names });
  const { Attributes = {} } = await request({ clients, action: "GetQueueAttributes" }, (options) =>
    clients.work.send(command, options),
  );
  return Attributes;
}

function count(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** The number of deliveries after which SQS moves a message to the dead-letter queue. Undefined without a policy. */
function maxReceiveCount(policy: string | undefined): number | undefined {
  if (policy === undefined || policy === "") return undefined;
  try {
    const { maxReceiveCount: most } = JSON.parse(policy) as { maxReceiveCount?: number | string };
    return most === undefined ? undefined : Number(most);
  } catch (cause) {
    throw new DriverError("permanent", `The RedrivePolicy of the queue cannot be read: ${policy}`, { cause });
  }
}
