import {
  CreateQueueCommand,
  DeleteQueueCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
} from "@aws-sdk/client-sqs";
import {
  type Admin,
  DriverError,
  type QueueChange,
  type QueueSpec,
  siblingQueue,
} from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { CREATED_RETENTION_MS, MAX_RECEIVE_COUNT, sqsLimits } from "./limits.ts";
import { isFifo, isUrl, type QueueUrls } from "./names.ts";
import { request } from "./request.ts";
import { queueAttributes } from "./traits.ts";

type Attributes = Partial<Record<QueueAttributeName, string>>;

const RETENTION_SECONDS = String(CREATED_RETENTION_MS / 1_000);

interface Wanted {
  readonly fifo: boolean;
  readonly deadLetters: { readonly queue: string; readonly attributes: Attributes };
  readonly delays: { readonly queue: string; readonly attributes: Attributes };
  readonly main: (deadLetterArn: string) => Attributes;
}

/** Creates and removes a queue together with its dead-letter queue and its delay queue. All three are encrypted. */
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
    const { deadLetters, delays, main, fifo } = this.#wanted(queue, spec);
    const [dlqArn] = await Promise.all([
      this.#create(deadLetters.queue, fifo, deadLetters.attributes),
      this.#create(delays.queue, fifo, delays.attributes),
    ]);
    const arn = await this.#create(queue, fifo, main(dlqArn));
    await this.#set(deadLetters.queue, allowFrom(arn));
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    const { deadLetters, delays, main } = this.#wanted(queue, spec);
    const [found, dlq, delay] = await Promise.all(
      [queue, deadLetters.queue, delays.queue].map((name) => this.#find(name)),
    );
    // A queue that does not exist yet has no ARN. Its future ARN ends in its name.
    const arnOf = (name: string, there: Attributes | undefined): string =>
      there?.QueueArn ?? this.#urls.physical(name);
    return [
      ...this.#changes(deadLetters.queue, dlq, {
        ...deadLetters.attributes,
        ...allowFrom(arnOf(queue, found)),
      }),
      ...this.#changes(delays.queue, delay, delays.attributes),
      ...this.#changes(queue, found, main(arnOf(deadLetters.queue, dlq))),
    ];
  }

  /** The settings of the three queues. The settings of the main queue depend on the ARN of its dead-letter queue. */
  #wanted(queue: string, spec: QueueSpec): Wanted {
    const fifo = isFifo(this.#urls.physical(queue));
    if ((spec.ordering === "by_key") !== fifo) {
      throw new DriverError(
        "permanent",
        fifo
          ? `"${queue}" is a FIFO queue by its name, and so keeps order by key: ask for ordering "by_key".`
          : `SQS keeps order in FIFO queues only, whose names end in ".fifo"; rename "${queue}".`,
      );
    }
    const common: Attributes = {
      MessageRetentionPeriod: RETENTION_SECONDS,
      MaximumMessageSize: String(sqsLimits.maxMessageBytes),
    };
    const VisibilityTimeout = String(Math.ceil(spec.leaseMs / 1_000));
    const maxReceiveCount = Math.min(spec.brokerMaxDeliveries, MAX_RECEIVE_COUNT);
    return {
      fifo,
      deadLetters: { queue: siblingQueue(queue, "-dlq"), attributes: common },
      delays: { queue: siblingQueue(queue, "-delay"), attributes: common },
      main: (deadLetterTargetArn) => ({
        ...common,
        VisibilityTimeout,
        RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }),
      }),
    };
  }

  #changes(queue: string, found: Attributes | undefined, wanted: Attributes): QueueChange[] {
    const resource = `queue ${this.#urls.physical(queue)}`;
    if (found === undefined) return [{ kind: "create", resource }];
    const all = { ...wanted, ...this.#encryption(found), ...withoutPolicy(found, wanted) };
    return Object.entries(all).flatMap(([setting, to]): QueueChange[] => {
      const from = found[setting as QueueAttributeName];
      return same(from, to) ? [] : [{ kind: "change", resource, setting, from, to: to || undefined }];
    });
  }

  async drop(queue: string): Promise<void> {
    // The queue itself first: while it exists, messages may still move to the other two.
    for (const name of [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")])
      await this.#delete(name);
  }

  /** Creates a queue, or sets the attributes of an existing one. Returns its ARN. */
  async #create(queue: string, fifo: boolean, attributes: Attributes): Promise<string> {
    const physical = this.#urls.physical(queue);
    this.#urls.forget(queue);
    const found = await this.#find(queue);
    const wanted = { ...attributes, ...this.#encryption(found), ...withoutPolicy(found, attributes) };
    if (found === undefined) {
      if (isUrl(physical))
        throw new DriverError(
          "not_found",
          `There is no queue at ${physical}. A queue that is configured by its URL cannot be created.`,
        );
      try {
        const fixed: Attributes = fifo ? { FifoQueue: "true" } : {};
        await this.#call(
          "CreateQueue",
          new CreateQueueCommand({ QueueName: physical, Attributes: { ...fixed, ...wanted } }),
        );
      } catch (error) {
        // Another process created the queue in the meantime. Its attributes are set below.
        const { cause } = error as Error;
        if (!(cause instanceof Error && cause.name.includes("QueueNameExists"))) throw error;
      }
      this.#urls.forget(queue);
    }
    await this.#set(queue, wanted);
    const { QueueArn } = await queueAttributes(this.#clients, await this.#urls.url(queue), ["QueueArn"]);
    return QueueArn ?? "";
  }

  /** The encryption to set. A queue that is encrypted with a key of its owner keeps that key. */
  #encryption(found: Attributes | undefined): Attributes {
    if (this.#kmsKeyId !== undefined) return { KmsMasterKeyId: this.#kmsKeyId };
    return (found?.KmsMasterKeyId ?? "") === "" ? { SqsManagedSseEnabled: "true" } : {};
  }

  /** Reads the attributes of a queue. Undefined if it does not exist. */
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
    const clients = this.#clients;
    return request({ clients, action }, (options) =>
      clients.work.send(command as SetQueueAttributesCommand, options),
    );
  }
}

/**
 * The attribute that removes an unwanted redrive policy. Each hop of a delay and each listing of dead letters counts as
 * a receive, so a redrive policy on these queues would move messages away.
 */
function withoutPolicy(found: Attributes | undefined, wanted: Attributes): Attributes {
  return found?.RedrivePolicy === undefined || wanted.RedrivePolicy !== undefined
    ? {}
    : { RedrivePolicy: "" };
}

function allowFrom(arn: string): Attributes {
  return { RedriveAllowPolicy: JSON.stringify({ redrivePermission: "byQueue", sourceQueueArns: [arn] }) };
}

/** Whether two values are equal. The service may return a policy with its fields in another order and numbers as text. */
function same(found: string | undefined, wanted: string | undefined): boolean {
  return (
    found === wanted || (found !== undefined && wanted !== undefined && sorted(found) === sorted(wanted))
  );
}

function sorted(policy: string): string {
  if (!policy.startsWith("{")) return policy;
  try {
    const fields = Object.entries(JSON.parse(policy) as object).map(([name, value]) => [name, String(value)]);
    return JSON.stringify(fields.toSorted(([one = ""], [other = ""]) => one.localeCompare(other)));
  } catch {
    return policy;
  }
}
