import {
  CreateQueueCommand,
  DeleteQueueCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import { type Admin, DriverError, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { isFifo, isUrl, type QueueUrls } from "./names.ts";
import { request } from "./request.ts";
import { queueAttributes } from "./traits.ts";

type Attributes = Partial<Record<QueueAttributeName, string>>;

const RETENTION_SECONDS = String(14 * 86_400);
/** The most that a RedrivePolicy takes. */
const MAX_RECEIVE_COUNT = 1_000;

/** Creates a queue with its dead-letter and parking queue, encrypted, and lets them know each other. */
export class SqsAdmin implements Admin {
  readonly #clients: Clients;
  readonly #urls: QueueUrls;
  readonly #kmsKeyId: string | undefined;

  constructor(clients: Clients, urls: QueueUrls, kmsKeyId: string | undefined) {
    this.#clients = clients;
    this.#urls = urls;
    this.#kmsKeyId = kmsKeyId;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    const fifo = isFifo(this.#urls.physical(queue));
    if ((spec.ordering === "by_key") !== fifo) {
      throw new DriverError(
        "permanent",
        fifo
          ? `"${queue}" is a FIFO queue by its name, which keeps order by key: ask for ordering "by_key".`
          : `SQS keeps order in FIFO queues only, whose names end in ".fifo"; rename "${queue}".`,
      );
    }
    const [deadLetters, parking] = [siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay")];
    const common: Attributes = { MessageRetentionPeriod: RETENTION_SECONDS };
    const visibility = { VisibilityTimeout: String(Math.ceil(spec.leaseMs / 1_000)) };
    const [dlqArn] = await Promise.all([
      this.#create(deadLetters, fifo, common),
      this.#create(parking, fifo, common),
    ]);
    const maxReceiveCount = Math.min(spec.brokerMaxDeliveries, MAX_RECEIVE_COUNT);
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlqArn, maxReceiveCount });
    const arn = await this.#create(queue, fifo, { ...common, ...visibility, RedrivePolicy });
    const RedriveAllowPolicy = JSON.stringify({ redrivePermission: "byQueue", sourceQueueArns: [arn] });
    await this.#set(deadLetters, { RedriveAllowPolicy });
  }

  async drop(queue: string): Promise<void> {
    // The queue itself first: while it is there, messages may still move to the others.
    for (const name of [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")])
      await this.#delete(name);
  }

  /** Creates it, or sets the attributes of one that is there. Returns its ARN. */
  async #create(queue: string, fifo: boolean, attributes: Attributes): Promise<string> {
    const physical = this.#urls.physical(queue);
    this.#urls.forget(queue);
    const found = await this.#find(queue);
    const wanted = { ...attributes, ...this.#encryption(found) };
    if (found === undefined) {
      if (isUrl(physical))
        throw new DriverError(
          "not_found",
          `There is no queue at ${physical}; a queue that is named by its URL cannot be created.`,
        );
      try {
        const fixed: Attributes = fifo ? { FifoQueue: "true" } : {};
        await this.#call(
          "CreateQueue",
          new CreateQueueCommand({ QueueName: physical, Attributes: { ...fixed, ...wanted } }),
        );
      } catch (error) {
        // Somebody else was faster, with attributes of their own: they are set below.
        const { cause } = error as Error;
        if (!(cause instanceof Error && cause.name.includes("QueueNameExists"))) throw error;
      }
      this.#urls.forget(queue);
    }
    await this.#set(queue, wanted);
    const { QueueArn } = await queueAttributes(this.#clients, await this.#urls.url(queue), ["QueueArn"]);
    return QueueArn ?? "";
  }

  /** A queue that somebody else has encrypted with a key of their own is not taken from it. */
  #encryption(found: Attributes | undefined): Attributes {
    if (this.#kmsKeyId !== undefined) return { KmsMasterKeyId: this.#kmsKeyId };
    return (found?.KmsMasterKeyId ?? "") === "" ? { SqsManagedSseEnabled: "true" } : {};
  }

  /** What it has for attributes; undefined where it is not there. */
  async #find(queue: string): Promise<Attributes | undefined> {
    try {
      return await queueAttributes(this.#clients, await this.#urls.url(queue), ["All"]);
    } catch (error) {
      if (error instanceof DriverError && error.kind === "not_found") return undefined;
      throw error;
    }
  }

  async #set(queue: string, attributes: Attributes): Promise<void> {
    const QueueUrl = await this.#urls.url(queue);
    await this.#call(
      "SetQueueAttributes",
      new SetQueueAttributesCommand({ QueueUrl, Attributes: attributes }),
    );
  }

  async #delete(queue: string): Promise<void> {
    try {
      const QueueUrl = await this.#urls.url(queue);
      await this.#call("DeleteQueue", new DeleteQueueCommand({ QueueUrl }));
    } catch (error) {
      if (!(error instanceof DriverError && error.kind === "not_found")) throw error;
    } finally {
      this.#urls.forget(queue);
    }
  }

  #call(
    action: string,
    command: CreateQueueCommand | SetQueueAttributesCommand | DeleteQueueCommand,
  ): Promise<unknown> {
    const { work, requestTimeoutMs } = this.#clients;
    return request({ action, timeoutMs: requestTimeoutMs }, (options) =>
      work.send(command as SetQueueAttributesCommand, options),
    );
  }
}
