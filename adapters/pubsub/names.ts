import { DriverError, NameClaims, ownerQueue, siblingQueue } from "../../src/driver/index.ts";

/** A topic and the subscription on it that is received, by id or by full name (`projects/...`). */
export interface Pair {
  readonly topic: string;
  readonly subscription: string;
}

/** How logical names become physical ones. */
export interface NamingOptions {
  /** Before every name that is not mapped by `queues`. */
  readonly prefix?: string | undefined;
  /**
   * By logical name: the one name of its topic and its subscription, or both, where several subscriptions share a
   * topic.
   */
  readonly queues?: Readonly<Record<string, string | Pair>> | undefined;
}

const SUFFIXES = ["-dlq", "-delay"] as const;
/** What Pub/Sub takes for an id. */
const ID = /^(?!goog)[A-Za-z][A-Za-z0-9\-_.~+%]{2,254}$/;

/** Finds the topic and the subscription of each logical queue. */
export class Names {
  readonly #prefix: string;
  readonly #queues: ReadonlyMap<string, string | Pair>;
  /** Topics that were named apart from a subscription. */
  readonly #shared = new Set<string>();
  readonly #claims = new NameClaims("subscription");

  /** @throws QueueError `config` where two logical names mean one subscription */
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

  /** The ids or full names as they stand in the configuration. */
  pair(queue: string): Pair {
    const mapped = this.#queues.get(queue);
    if (mapped !== undefined) return pairOf(mapped);
    for (const suffix of SUFFIXES) {
      const owner = ownerQueue(queue, suffix);
      const mappedOwner = owner === undefined ? undefined : this.#queues.get(owner);
      // Dead letters and delays are a subscription's own, whoever else is on its topic.
      if (mappedOwner !== undefined) return pairOf(siblingQueue(pairOf(mappedOwner).subscription, suffix));
    }
    return pairOf(`${this.#prefix}${queue}`);
  }

  /** Whether the topic was named apart from a subscription: it may have others, and is not ours to remove. */
  sharesTopic(queue: string): boolean {
    return this.#shared.has(this.pair(queue).topic);
  }

  /** @throws DriverError `permanent` where Pub/Sub takes no such name */
  topic(project: string, queue: string): string {
    return fullName(project, "topics", this.pair(queue).topic);
  }

  /** @throws DriverError `permanent` where Pub/Sub takes no such name, or another logical name means it already */
  subscription(project: string, queue: string): string {
    const name = fullName(project, "subscriptions", this.pair(queue).subscription);
    this.#claims.claim(queue, name);
    return name;
  }
}

function pairOf(mapped: string | Pair): Pair {
  if (typeof mapped !== "string") return mapped;
  // A full name names one of the two; the other is called the same.
  const id = mapped.startsWith("projects/") ? mapped.replace("/subscriptions/", "/topics/") : mapped;
  return { topic: id, subscription: id.replace("/topics/", "/subscriptions/") };
}

function fullName(project: string, kind: "topics" | "subscriptions", name: string): string {
  const id = name.startsWith("projects/") ? name.slice(name.lastIndexOf("/") + 1) : name;
  if (!ID.test(id)) {
    throw new DriverError(
      "permanent",
      `Pub/Sub has no ${kind} called "${id}": a name has 3 to 255 letters, digits and -_.~+%, begins with a letter, and not with "goog"`,
    );
  }
  return name === id ? `projects/${project}/${kind}/${id}` : name;
}
