import { type Admin, DriverError, type QueueSpec, siblingQueue } from "../../src/driver/index.ts";
import { type Connections, once } from "./clients.ts";
import { CODE, codeOf, driverError } from "./errors.ts";
import { leaseSeconds } from "./limits.ts";
import type { Names } from "./names.ts";
import type { Subscription, Subscriptions } from "./traits.ts";

export interface AdminOptions {
  readonly connections: Connections;
  readonly names: Names;
  readonly subscriptions: Subscriptions;
  /** Whether main subscriptions are created with exactly-once delivery. */
  readonly exactlyOnce: boolean;
}

/** The longest that there is; the emulator knows only of the seven days that it once was. */
const RETENTION_SECONDS = 31 * 86_400;
const EMULATED_RETENTION_SECONDS = 7 * 86_400;
/** What a dead-letter policy takes. */
const LEAST_ATTEMPTS = 5;
const MOST_ATTEMPTS = 100;
/** As long as parked messages and dead letters are held by whoever reads them, which saves a request a pull. */
const PARKING_LEASE_SECONDS = 30;
const DEAD_LETTER_LEASE_SECONDS = 300;

/** Creates a queue with its dead-letter and parking queue: a topic and a subscription each. */
export class PubsubAdmin implements Admin {
  readonly #options: AdminOptions;

  constructor(options: AdminOptions) {
    this.#options = options;
  }

  async ensure(queue: string, spec: QueueSpec): Promise<void> {
    const [deadLetters, parking] = [siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay")];
    // A dead-letter topic without a subscription loses what it is given; hence before its first message.
    await Promise.all([
      this.#ensure(deadLetters, { ackDeadlineSeconds: DEAD_LETTER_LEASE_SECONDS }),
      // Each hop counts as a delivery: with a dead-letter policy, a long delay would end there.
      this.#ensure(parking, { ackDeadlineSeconds: PARKING_LEASE_SECONDS }),
    ]);
    const { names, connections, exactlyOnce } = this.#options;
    const { project } = await connections.clients();
    await this.#ensure(queue, {
      ackDeadlineSeconds: leaseSeconds(spec.leaseMs),
      enableMessageOrdering: spec.ordering === "by_key",
      ...(exactlyOnce ? { enableExactlyOnceDelivery: true } : {}),
      deadLetterPolicy: {
        deadLetterTopic: names.topic(project, deadLetters),
        maxDeliveryAttempts: Math.min(MOST_ATTEMPTS, Math.max(LEAST_ATTEMPTS, spec.brokerMaxDeliveries)),
      },
    });
  }

  async drop(queue: string): Promise<void> {
    // The queue itself first: while it is there, messages may still move to the others.
    for (const name of [queue, siblingQueue(queue, "-delay"), siblingQueue(queue, "-dlq")])
      await this.#drop(name);
  }

  async #ensure(queue: string, settings: Subscription): Promise<void> {
    const { connections, names, subscriptions } = this.#options;
    const { publisher, subscriber, project, emulated } = await connections.clients();
    const topic = names.topic(project, queue);
    const name = names.subscription(project, queue);
    subscriptions.forget(queue);
    await unlessCode(
      CODE.alreadyExists,
      "pubsub.topics.create",
      publisher.createTopic({ name: topic }, once()),
    );
    const wanted: Subscription = {
      ...settings,
      name,
      topic,
      messageRetentionDuration: { seconds: emulated ? EMULATED_RETENTION_SECONDS : RETENTION_SECONDS },
      // By default, a subscription that nobody uses for 31 days is removed.
      expirationPolicy: {},
    };
    const created = await unlessCode(
      CODE.alreadyExists,
      "pubsub.subscriptions.create",
      subscriber.createSubscription(wanted, once()),
    );
    if (!created) await this.#agree(queue, wanted);
    subscriptions.forget(queue);
  }

  /** Brings one that is there to the wanted settings, where they differ. */
  async #agree(queue: string, wanted: Subscription): Promise<void> {
    const { connections, subscriptions } = this.#options;
    const found = await subscriptions.refresh(queue);
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
    // A topic that others subscribe to stays.
    if (names.sharesTopic(queue)) return;
    const topic = names.topic(project, queue);
    await unlessCode(CODE.notFound, "pubsub.topics.delete", publisher.deleteTopic({ topic }, once()));
  }
}

/** The fields in which a subscription is not as it is wanted, by their names in an update mask. */
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

function conflict({ name }: Subscription, what: string): DriverError {
  return new DriverError("permanent", `The subscription ${name} ${what}. Drop it, or choose another name`);
}

/** False where it failed with this code, which says that there was nothing to do. */
async function unlessCode(code: number, permission: string, call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (codeOf(error) === code) return false;
    throw driverError(error, permission);
  }
}
