import { randomUUID } from "node:crypto";
import { type Message, type MessageSystemAttributeName, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import {
  type Attributes,
  type Clock,
  type Delivery,
  type DriverError,
  type OpenOptions,
  pollingSource,
  type Source,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { orderingKeyOf } from "./ids.ts";
import { request } from "./request.ts";
import type { AttributeTypes } from "./send.ts";
import { settleBatch } from "./settle.ts";

/** The attributes from which a delivery is built. Each further one would be sent and parsed for every message. */
const ATTRIBUTES: MessageSystemAttributeName[] = ["ApproximateReceiveCount", "SentTimestamp"];
const FIFO_ATTRIBUTES: MessageSystemAttributeName[] = [...ATTRIBUTES, "MessageGroupId"];

export interface SqsSourceOptions extends OpenOptions {
  readonly clients: Clients;
  readonly url: () => Promise<string>;
  readonly fifo: boolean;
  readonly waitMs: number;
  readonly clock: Clock;
}

/**
 * The wait of a poll while another poll waits for long. Several polls at once are for a backlog, where they return at
 * once. When a worker stops, each poll that still waits may receive messages that the worker then has to release.
 */
const SHORT_WAIT_MS = 1_000;

/** The time that a request may take in addition to its wait, before it reduces the lease that is left. */
const ON_THE_WAY_MS = 2_000;

/** Creates the source of one queue: long polls, and the settlement of their messages. */
export function sqsSource(options: SqsSourceOptions): Source {
  const { clients, url, waitMs, clock } = options;
  const polls = new LongPolls(options);
  return pollingSource({
    // A request is never aborted: SQS hides the messages of an aborted request for a whole lease.
    claim: (max) => polls.claim(max),
    settle: (operations) => settleBatch(clients, url, operations),
    waitMs,
    clock,
  });
}

/** The long polls of one source. */
class LongPolls {
  readonly #options: SqsSourceOptions;
  /** Attempt ids of receives whose answer was lost. With the same id, a FIFO queue returns the same messages. */
  readonly #lostAttempts: string[] = [];
  #waitsLong = false;

  constructor(options: SqsSourceOptions) {
    this.#options = options;
  }

  async claim(max: number): Promise<Delivery[]> {
    const { clients, url, fifo, leaseMs, clock } = this.#options;
    const isLong = !this.#waitsLong;
    if (isLong) this.#waitsLong = true;
    const waitMs = isLong ? this.#options.waitMs : Math.min(SHORT_WAIT_MS, this.#options.waitMs);
    const attemptId = fifo ? (this.#lostAttempts.pop() ?? randomUUID()) : undefined;
    const leaseSeconds = Math.ceil(leaseMs / 1_000);
    try {
      const QueueUrl = await url();
      const askedAt = clock.monotonic();
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: Math.ceil(waitMs / 1_000),
        VisibilityTimeout: leaseSeconds,
        MessageSystemAttributeNames: fifo ? FIFO_ATTRIBUTES : ATTRIBUTES,
        // The older name of the same field. Some servers know only this one, and attempts need the receive counts.
        AttributeNames: (fifo ? FIFO_ATTRIBUTES : ATTRIBUTES) as never,
        MessageAttributeNames: ["All"],
        ReceiveRequestAttemptId: attemptId,
      });
      const { Messages = [] } = await request(
        { clients, action: "ReceiveMessage", timeoutMs: waitMs + clients.requestTimeoutMs },
        (options) => clients.polls.send(command, options),
      );
      // An answer that arrives much later than SQS waits was delayed on the way, and the lease has run meanwhile.
      const lateMs = Math.max(0, clock.monotonic() - askedAt - waitMs - ON_THE_WAY_MS);
      const leaseUntil = clock.now() - lateMs + leaseSeconds * 1_000;
      return Messages.map((message) => deliveryOf(message, leaseUntil, fifo));
    } catch (error) {
      const { kind } = error as DriverError;
      if (attemptId !== undefined && kind === "ambiguous") this.#lostAttempts.push(attemptId);
      throw error;
    } finally {
      if (isLong) this.#waitsLong = false;
    }
  }
}

function deliveryOf(
  { Body = "", MessageId = "", ReceiptHandle, Attributes: system = {}, MessageAttributes = {} }: Message,
  leaseUntil: number,
  fifo: boolean,
): Delivery {
  const attributes: Record<string, string> = {};
  let types: Record<string, string> | undefined;
  for (const name in MessageAttributes) {
    const { DataType = "String", StringValue, BinaryValue } = MessageAttributes[name] ?? {};
    attributes[name] = StringValue ?? Buffer.from(BinaryValue ?? []).toString("base64");
    if (DataType !== "String") (types ??= {})[name] = DataType;
  }
  return {
    body: Body,
    attributes: attributes satisfies Attributes,
    deliveryCount: Number(system.ApproximateReceiveCount ?? 1),
    leaseUntil,
    enqueuedAt: system.SentTimestamp === undefined ? undefined : Number(system.SentTimestamp),
    brokerId: MessageId,
    orderingKey: fifo ? orderingKeyOf(system.MessageGroupId ?? "") : undefined,
    native: types satisfies AttributeTypes | undefined,
    receipt: ReceiptHandle,
  };
}
