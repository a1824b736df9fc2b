import { randomUUID } from "node:crypto";
import { type Message, type MessageSystemAttributeName, ReceiveMessageCommand } from "@aws-sdk/client-sqs";
import {
  type Attributes,
  type Clock,
  type Delivery,
  type DriverError,
  type OpenOptions,
  type Operation,
  type SettleResult,
  type Source,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { orderingKeyOf } from "./ids.ts";
import { request } from "./request.ts";
import { settleBatch } from "./settle.ts";

/** What a delivery is told from. Each one more is sent and read for every message. */
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
 * What a poll waits beside another that waits for long. Several at once are for a backlog, and come back at once. When
 * the worker is told to stop, each that still waits may take messages that it then has to give back.
 */
const SHORT_WAIT_MS = 1_000;

/** How long a request may take to get there, beside its wait. */
const ON_THE_WAY_MS = 2_000;

/** Long polls of one queue, and the settlement of what they bring. */
export class SqsSource implements Source {
  readonly #options: SqsSourceOptions;
  readonly #polls = new Set<Promise<unknown>>();
  /** Came after nobody waited for it any more. */
  #late: Delivery[] = [];
  /** Attempt ids of receives whose answer was lost: with the same id, FIFO queues give the same messages again. */
  readonly #lostAttempts: string[] = [];
  #waitsLong = false;
  #stopped = false;

  constructor(options: SqsSourceOptions) {
    this.#options = options;
  }

  async next(max: number, signal: AbortSignal): Promise<Delivery[]> {
    const now = this.#options.clock.now();
    const late = this.#late.splice(0, max).filter(({ leaseUntil }) => leaseUntil > now);
    if (late.length > 0 || this.#stopped || signal.aborted) return late;
    const answer = Promise.withResolvers<Delivery[]>();
    const stopWaiting = (): void => answer.resolve([]);
    signal.addEventListener("abort", stopWaiting, { once: true });
    // Not the request is given up but the waiting: what SQS hands to an aborted request is hidden for a whole lease.
    const poll = this.#poll(max).then((deliveries) => {
      signal.removeEventListener("abort", stopWaiting);
      // Said once, here: a delivery is either handed out or kept.
      if (signal.aborted) this.#late.push(...deliveries);
      else answer.resolve(deliveries);
    }, answer.reject);
    this.#polls.add(poll);
    void poll.then(() => this.#polls.delete(poll));
    return answer.promise;
  }

  async settle(operations: readonly Operation[]): Promise<SettleResult[]> {
    return settleBatch(this.#options.clients, await this.#options.url(), operations);
  }

  async stop(): Promise<Delivery[]> {
    this.#stopped = true;
    await Promise.all(this.#polls);
    return this.#late.splice(0);
  }

  close(): Promise<void> {
    this.#stopped = true;
    return Promise.resolve();
  }

  async #poll(max: number): Promise<Delivery[]> {
    const { clients, url, fifo, leaseMs, clock } = this.#options;
    const isLong = !this.#waitsLong;
    if (isLong) this.#waitsLong = true;
    const waitMs = isLong ? this.#options.waitMs : Math.min(SHORT_WAIT_MS, this.#options.waitMs);
    const attemptId = fifo ? (this.#lostAttempts.pop() ?? randomUUID()) : undefined;
    const leaseSeconds = Math.ceil(leaseMs / 1_000);
    try {
      const QueueUrl = await url();
      const askedAt = clock.now();
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: max,
        WaitTimeSeconds: Math.ceil(waitMs / 1_000),
        VisibilityTimeout: leaseSeconds,
        MessageSystemAttributeNames: fifo ? FIFO_ATTRIBUTES : ATTRIBUTES,
        // The older name of the same: without receive counts there are no attempts, and some servers know no other.
        AttributeNames: (fifo ? FIFO_ATTRIBUTES : ATTRIBUTES) as never,
        MessageAttributeNames: ["All"],
        ReceiveRequestAttemptId: attemptId,
      });
      const { Messages = [] } = await request(
        { clients, action: "ReceiveMessage", timeoutMs: waitMs + clients.requestTimeoutMs },
        (options) => clients.polls.send(command, options),
      );
      // An answer that comes much later than SQS waits has been on its way, and the lease has run meanwhile.
      const takenAt = Math.min(clock.now(), askedAt + waitMs + ON_THE_WAY_MS);
      const leaseUntil = takenAt + leaseSeconds * 1_000;
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
  for (const name in MessageAttributes) {
    const { StringValue, BinaryValue } = MessageAttributes[name] ?? {};
    attributes[name] = StringValue ?? Buffer.from(BinaryValue ?? []).toString("base64");
  }
  return {
    body: Body,
    attributes: attributes satisfies Attributes,
    deliveryCount: Number(system.ApproximateReceiveCount ?? 1),
    leaseUntil,
    enqueuedAt: system.SentTimestamp === undefined ? undefined : Number(system.SentTimestamp),
    brokerId: MessageId,
    orderingKey: fifo ? orderingKeyOf(system.MessageGroupId ?? "") : undefined,
    receipt: ReceiptHandle,
  };
}
