import {
  type Admin,
  DriverError,
  type QueueChange,
  type QueueSpec,
  siblingQueue,
} from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { CODE, codeOf, driverError } from "./errors.ts";
import { CREATED_RETENTION_MS, leaseSeconds, policyAttempts } from "./limits.ts";
import type { Names } from "./names.ts";
import { DELETED_TOPIC, type Subscription, type Subscriptions, TopicDeleted } from "./traits.ts";

export interface AdminOptions {
  readonly connections: Connections;
  readonly names: Names;
  readonly subscriptions: Subscriptions;
  /** Whether the main subscription is created with exactly-once delivery. */
  readonly exactlyOnce: boolean;
}

const RETENTION_SECONDS = CREATED_RETENTION_MS / 1_000;
/** Google's emulator refuses more than the seven days that the service once had. */
const EMULATED_RETENTION_SECONDS = 7 * 86_400;
/** The leases with which the core reads delay queues and dead letters. The same ack deadline saves a request per pull. */
const DELAY_LEASE_SECONDS = 30;
const DEAD_LETTER_LEASE_SECONDS = 300;

/** Creates and removes a queue together with its dead-letter queue and its delay queue: a topic and a subscription each. */
export class PubsubAdmin implements Admin {
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    const { deadLetters, delays, main } = await this.#settings(queue, spec);
    // The dead-letter queue first: a topic without a subscription loses its messages.
    await Promise.all([
      this.#ensure(deadLetters.queue, deadLetters.settings),
      this.#ensure(delays.queue, delays.settings),
    ]);
    await this.#ensure(main.queue, main.settings);
  }

  async plan(queue: string, spec: QueueSpec): Promise<QueueChange[]> {
    const { deadLetters, delays, main } = await this.#settings(queue, spec);
    const plans = [deadLetters, delays, main].map((one) => this.#plan(one.queue, one.settings));
    return (await Promise.all(plans)).flat();
  }

  async #settings(
    queue: string,
    spec: QueueSpec,
  ): Promise<
    Record<"deadLetters" | "delays" | "main", { readonly queue: string; readonly settings: Subscription }>
  > {
    const { names, connections, exactlyOnce } = this.#options;
    const { project } = await connections.clients();
    const deadLetters = siblingQueue(queue, "-dlq");
    return {
      deadLetters: { queue: deadLetters, settings: { ackDeadlineSeconds: DEAD_LETTER_LEASE_SECONDS } },
      // Each hop counts as a delivery. With a dead-letter policy, a long delay would end in the dead letters.
      delays: {
        queue: siblingQueue(queue, "-delay"),
        settings: { ackDeadlineSeconds: DELAY_LEASE_SECONDS },
      },
      main: {
        queue,
        settings: {
          ackDeadlineSeconds: leaseSeconds(spec.leaseMs),
          enableMessageOrdering: spec.ordering === "by_key",
          ...(exactlyOnce ? { enableExactlyOnceDelivery: true } : {}),
          deadLetterPolicy: {
            deadLetterTopic: names.topic(project, deadLetters),
            maxDeliveryAttempts: policyAttempts(spec.brokerMaxDeliveries),
          },
        },
      },
    };
  }

  async drop(queue: string): Promise<void> {
    // The queue itself first: while it exists, messages may still move to the other two.
    for (const name of [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")])
      await this.#drop(name);
  }

  async #ensure(queue: string, settings: Subscription): Promise<void> {
    const { connections, names, subscriptions } = this.#options;
    const { publisher, subscriber, project } = await connections.clients();
    subscriptions.forget(queue);
    await unlessCode(
      CODE.alreadyExists,
      "pubsub.topics.create",
      publisher.createTopic({ name: names.topic(project, queue) }, once()),
    );
    const wanted = await this.#wanted(queue, settings);
    const created = await unlessCode(
      CODE.alreadyExists,
      "pubsub.subscriptions.create",
      subscriber.createSubscription(wanted, once()),
    );
    if (!created) await this.#agree(queue, wanted);
    subscriptions.forget(queue);
  }

  async #wanted(queue: string, settings: Subscription): Promise<Subscription> {
    const { connections, names } = this.#options;
    const { project, emulated } = await connections.clients();
    return {
      ...settings,
      name: names.subscription(project, queue),
      topic: names.topic(project, queue),
      messageRetentionDuration: { seconds: emulated ? EMULATED_RETENTION_SECONDS : RETENTION_SECONDS },
      // Never. By default, a subscription that is unused for 31 days is removed.
      expirationPolicy: {},
    };
  }

  async #plan(queue: string, settings: Subscription): Promise<QueueChange[]> {
    const { connections, subscriptions } = this.#options;
    const { publisher } = await connections.clients();
    let wanted = await this.#wanted(queue, settings);
    const changes: QueueChange[] = [];
    const hasTopic = await unlessCode(
      CODE.notFound,
      "pubsub.topics.get",
      publisher.getTopic({ topic: wanted.topic ?? "" }, once()),
    );
    if (!hasTopic) changes.push({ kind: "create", resource: `topic ${shortName(wanted.topic)}` });
    const resource = `subscription ${shortName(wanted.name)}`;
    let found: Subscription;
    try {
      found = await subscriptions.refresh(queue);
    } catch (error) {
      if (!(error instanceof DriverError && error.kind === "not_found")) throw error;
      if (!(error instanceof TopicDeleted)) return [...changes, { kind: "create", resource }];
      const [from, to] = [DELETED_TOPIC, written(wanted.topic)];
      return [...changes, { kind: "conflict", resource, setting: "topic", from, to }];
    }
    wanted = await this.#spelledAs(found, wanted);
    const change = (kind: QueueChange["kind"], setting: string): QueueChange => {
      const path = setting.replaceAll(/_(\w)/g, (_all, letter: string) =>
        letter.toUpperCase(),
      ) as keyof Subscription;
      return { kind, resource, setting, from: written(found[path]), to: written(wanted[path]) };
    };
    if (found.topic !== wanted.topic) changes.push(change("conflict", "topic"));
    if ((found.enableMessageOrdering === true) !== (wanted.enableMessageOrdering === true))
      changes.push(change("conflict", "enable_message_ordering"));
    return [...changes, ...differing(found, wanted).map((path) => change("change", path))];
  }

  /** Changes the settings of an existing subscription that differ from the wanted ones. */
  async #agree(queue: string, configured: Subscription): Promise<void> {
    const { connections, subscriptions } = this.#options;
    const found = await subscriptions.refresh(queue);
    const wanted = await this.#spelledAs(found, configured);
    if (found.topic !== wanted.topic)
      throw conflict(wanted, `is on the topic ${found.topic}, not on ${wanted.topic}`);
    if ((found.enableMessageOrdering === true) !== (wanted.enableMessageOrdering === true))
      throw conflict(
        wanted,
        `${found.enableMessageOrdering === true ? "keeps" : "does not keep"} order by key, which cannot be changed`,
      );
    const paths = differing(found, wanted);
    if (paths.length === 0) return;
    const { subscriber } = await connections.clients();
    try {
      await subscriber.updateSubscription({ subscription: wanted, updateMask: { paths } }, once());
    } catch (error) {
      throw driverError(error, "pubsub.subscriptions.update");
    }
  }

  /** The wanted settings, with the names of topics as the service spells them, so that only real differences show. */
  async #spelledAs(found: Subscription, wanted: Subscription): Promise<Subscription> {
    const policy = wanted.deadLetterPolicy;
    const [topic, deadLetterTopic] = await Promise.all([
      this.#spelled(found.topic, wanted.topic ?? ""),
      this.#spelled(found.deadLetterPolicy?.deadLetterTopic, policy?.deadLetterTopic ?? ""),
    ]);
    return { ...wanted, topic, ...(policy ? { deadLetterPolicy: { ...policy, deadLetterTopic } } : {}) };
  }

  /** A topic has two full names, with the id and with the number of its project. Returns the found one if both mean one. */
  async #spelled(found: string | null | undefined, wanted: string): Promise<string> {
    if (wanted === "" || found === wanted || shortName(found) !== shortName(wanted)) return wanted;
    const { publisher } = await this.#options.connections.clients();
    let name: unknown;
    await unlessCode(
      CODE.notFound,
      "pubsub.topics.get",
      publisher.getTopic({ topic: wanted }, once()).then(([topic]) => (name = topic.name)),
    );
    return typeof name === "string" && name === found ? name : wanted;
  }

  async #drop(queue: string): Promise<void> {
    const { connections, names, subscriptions } = this.#options;
    const { publisher, subscriber, project } = await connections.clients();
    subscriptions.forget(queue);
    const subscription = names.subscription(project, queue);
    await unlessCode(
      CODE.notFound,
      "pubsub.subscriptions.delete",
      subscriber.deleteSubscription({ subscription }, once()),
    );
    // A shared topic stays: it may have other subscriptions.
    if (names.sharesTopic(queue)) return;
    const topic = names.topic(project, queue);
    await unlessCode(CODE.notFound, "pubsub.topics.delete", publisher.deleteTopic({ topic }, once()));
  }
}

/** The fields of a subscription that differ from the wanted ones, by their names in an update mask. */
function differing(found: Subscription, wanted: Subscription): string[] {
  const paths: string[] = [];
  if (found.ackDeadlineSeconds !== wanted.ackDeadlineSeconds) paths.push("ack_deadline_seconds");
  if (Number(found.messageRetentionDuration?.seconds) !== Number(wanted.messageRetentionDuration?.seconds))
    paths.push("message_retention_duration");
  if (Number(found.expirationPolicy?.ttl?.seconds ?? 0) > 0) paths.push("expiration_policy");
  const [have, want] = [found.deadLetterPolicy, wanted.deadLetterPolicy];
  if (
    (have?.deadLetterTopic ?? "") !== (want?.deadLetterTopic ?? "") ||
    (want !== undefined && have?.maxDeliveryAttempts !== want?.maxDeliveryAttempts)
  )
    paths.push("dead_letter_policy");
  if (wanted.enableExactlyOnceDelivery === true && found.enableExactlyOnceDelivery !== true)
    paths.push("enable_exactly_once_delivery");
  return paths;
}

function shortName(name: string | null | undefined): string {
  return (name ?? "").split("/").at(-1) ?? "";
}

/** A setting as one line of text. Undefined if it is not set. */
function written(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function conflict({ name }: Subscription, what: string): DriverError {
  return new DriverError("permanent", `The subscription ${name} ${what}. Drop it, or choose another name.`);
}

/** Waits for a call. Returns false if it fails with `code`, which means that there was nothing to do. */
async function unlessCode(code: number, permission: string, call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (codeOf(error) === code) return false;
    throw driverError(error, permission);
  }
}
