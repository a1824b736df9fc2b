import { GetQueueAttributesCommand, type QueueAttributeName } from "@aws-sdk/client-sqs";
import {
  type Clock,
  DriverError,
  type DriverStats,
  ownerQueue,
  type QueueTraits,
  siblingQueue,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { DEDUP_WINDOW_MS, FIFO_NATIVE_DELAY_MS, sqsLimits } from "./limits.ts";
import type { QueueUrls } from "./names.ts";
import { request } from "./request.ts";

type QueueAttributes = Readonly<Partial<Record<QueueAttributeName, string>>>;

/** Time limit of a request about a queue that belongs to another one. Its answer can be done without. */
const SIBLING_TIMEOUT_MS = 2_000;

/** Reads the traits of one queue. */
export async function describeQueue(clients: Clients, queue: string, urls: QueueUrls): Promise<QueueTraits> {
  const [{ FifoQueue, RedrivePolicy, MaximumMessageSize }, ...siblings] = await Promise.all([
    urls.url(queue).then((url) => queueAttributes(clients, url, ["All"])),
    ...siblingsOf(queue).map((sibling) => maxBytesOf(clients, sibling, urls)),
  ]);
  const fifo = FifoQueue === "true";
  const maxMessageBytes = Math.min(bytesOf(MaximumMessageSize), ...siblings);
  return {
    ...(maxMessageBytes < sqsLimits.maxMessageBytes ? { maxMessageBytes } : {}),
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

/** The queues to which a message of this queue may be copied. Such a queue has none itself. */
function siblingsOf(queue: string): string[] {
  const suffixes = ["-dlq", "-delay"] as const;
  if (suffixes.some((suffix) => ownerQueue(queue, suffix) !== undefined)) return [];
  return suffixes.map((suffix) => siblingQueue(queue, suffix));
}

/**
 * The largest message of a sibling. Infinity if it cannot be read: the queue may be missing, and a process that only sends
 * needs no permission for it.
 */
async function maxBytesOf(clients: Clients, sibling: string, urls: QueueUrls): Promise<number> {
  try {
    const url = await urls.url(sibling, SIBLING_TIMEOUT_MS);
    const { MaximumMessageSize } = await queueAttributes(
      clients,
      url,
      ["MaximumMessageSize"],
      SIBLING_TIMEOUT_MS,
    );
    return bytesOf(MaximumMessageSize);
  } catch (error) {
    if (error instanceof DriverError) return Number.POSITIVE_INFINITY;
    throw error;
  }
}

function bytesOf(size: string | undefined): number {
  const bytes = Number(size);
  return bytes > 0 ? bytes : Number.POSITIVE_INFINITY;
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
  timeoutMs: number = clients.requestTimeoutMs,
): Promise<QueueAttributes> {
  const command = new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: names });
  const { Attributes = {} } = await request({ clients, action: "GetQueueAttributes", timeoutMs }, (options) =>
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
