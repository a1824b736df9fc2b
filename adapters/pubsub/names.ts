import {
  checkName,
  DriverError,
  NameClaims,
  ownerQueue,
  siblingQueue,
  siblingSuffixes,
} from "../../src/driver/index.ts";
import { QUEUE_NAME, QUEUE_NAME_RULE } from "./limits.ts";

/** A topic and the subscription from which messages are received, each by its id or its full name (`projects/...`). */
export interface Pair {
  readonly topic: string;
  readonly subscription: string;
}

/** Options for the names of topics and subscriptions. */
export interface NamingOptions {
  /** A prefix for every name that `queues` does not map. @default "" */
  readonly prefix?: string | undefined;
  /**
   * By logical name: the name of topic and subscription, or both names if several subscriptions share a topic.
   * @default none
   */
  readonly queues?: Readonly<Record<string, string | Pair>> | undefined;
}

/** The names of the topic and the subscription of each logical queue. */
export class Names {
  readonly #prefix: string;
  readonly #queues: ReadonlyMap<string, string | Pair>;
  /** Topics that are configured apart from a subscription. */
  readonly #shared = new Set<string>();
  readonly #claims = new NameClaims("subscription");

  /** @throws QueueError `config` if two logical names mean one subscription */
  constructor({ prefix = "", queues = {} }: NamingOptions) {
    this.#prefix = prefix;
    this.#queues = new Map(Object.entries(queues));
    for (const mapped of this.#queues.values())
      if (typeof mapped === "object") this.#shared.add(mapped.topic);
    NameClaims.check(
      "subscription",
      Array.from(this.#queues, ([logical, mapped]) => [logical, pairOf(mapped).subscription] as const),
    );
  }

  /**
   * Returns the ids or full names of a queue, as they are configured.
   * @throws DriverError `permanent` if the name of the queue is a full name
   */
  pair(queue: string): Pair {
    const mapped = this.#queues.get(queue);
    if (mapped !== undefined) return pairOf(mapped);
    for (const suffix of siblingSuffixes) {
      const owner = ownerQueue(queue, suffix);
      const mappedOwner = owner === undefined ? undefined : this.#queues.get(owner);
      // Each subscription has its own dead letters and delays, even if others share its topic.
      if (mappedOwner !== undefined) return pairOf(siblingQueue(pairOf(mappedOwner).subscription, suffix));
    }
    // A name may come from elsewhere, such as a tenant. Only the configuration may lead to another project.
    if (queue.startsWith("projects/")) {
      throw new DriverError(
        "permanent",
        `"${queue}" is a full name, which is not accepted as the name of a queue; map a name to it in queues of the configuration`,
      );
    }
    return pairOf(`${this.#prefix}${queue}`);
  }

  /** Whether the topic is configured apart from a subscription. It may then have other subscriptions, and must not be removed. */
  sharesTopic(queue: string): boolean {
    return this.#shared.has(this.pair(queue).topic);
  }

  /** @throws DriverError `permanent` if the name is not valid */
  topic(project: string, queue: string): string {
    return fullName(project, "topics", this.pair(queue).topic);
  }

  /** @throws DriverError `permanent` if the name is not valid, or if another logical name means the same subscription */
  subscription(project: string, queue: string): string {
    const name = fullName(project, "subscriptions", this.pair(queue).subscription);
    this.claim(queue, name);
    return name;
  }

  /**
   * Records that a queue has the subscription with this full name, which may be another spelling of the configured one.
   * @throws DriverError `permanent` if another logical name means the same subscription
   */
  claim(queue: string, subscription: string): void {
    this.#claims.claim(queue, subscription);
  }
}

function pairOf(mapped: string | Pair): Pair {
  if (typeof mapped !== "string") return mapped;
  // A full name is that of the topic or of the subscription. The other one has the same id.
  const id = mapped.startsWith("projects/") ? mapped.replace("/subscriptions/", "/topics/") : mapped;
  return { topic: id, subscription: id.replace("/topics/", "/subscriptions/") };
}

function fullName(project: string, kind: "topics" | "subscriptions", name: string): string {
  const id = name.startsWith("projects/") ? name.slice(name.lastIndexOf("/") + 1) : name;
  checkName(id, QUEUE_NAME, QUEUE_NAME_RULE);
  return name === id ? `projects/${project}/${kind}/${id}` : name;
}
