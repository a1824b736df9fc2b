import {
  checkName,
  type Duration,
  durationOption,
  NameClaims,
  numberOption,
} from "../../src/driver/index.ts";
import { QUEUE_NAME, QUEUE_NAME_RULE, serviceBusLimits } from "./limits.ts";

/** Known settings of one queue. Settings that are left out are read from Service Bus, if the driver may read them. */
export interface QueueFacts {
  /** Name of the queue in the namespace. @default the prefix, followed by the logical name */
  readonly name?: string | undefined;
  /** Whether the queue requires sessions, and so keeps order by key. @default false */
  readonly sessions?: boolean | undefined;
  /** Duplicate detection window in milliseconds; 0 if duplicate detection is off. @default 0 */
  readonly dedupWindowMs?: Duration | undefined;
  /** Lock duration in milliseconds. @default 30000 */
  readonly lockMs?: Duration | undefined;
  /** Max delivery count. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
}

/** How logical names map to names in the namespace. */
export interface NamingOptions {
  /** Text before each name that `queues` does not give. @default "" */
  readonly prefix?: string | undefined;
  /** Name in the namespace, or known settings, by logical name. @default {} */
  readonly queues?: Readonly<Record<string, string | QueueFacts>> | undefined;
}

/** Suffix of the logical name under which the core reads a queue's dead letters. */
const DEAD_LETTERS = "/$DeadLetterQueue";

/** A queue of the namespace, or its dead-letter sub-queue. */
export interface Entity {
  /** Logical name of the queue. */
  readonly queue: string;
  /** Name of the queue in the namespace. */
  readonly name: string;
  /** True for the dead-letter sub-queue of the queue. */
  readonly isDeadLetters: boolean;
}

/** Maps logical names to entities. */
export class QueueNames {
  readonly #prefix: string;
  readonly #queues: Readonly<Record<string, string | QueueFacts>>;
  readonly #claims = new NameClaims("queue");

  /** @throws QueueError `config` if two logical names have one name in the namespace, or a setting is out of range */
  constructor({ prefix = "", queues = {} }: NamingOptions) {
    this.#prefix = prefix;
    this.#queues = queues;
    for (const [queue, facts] of Object.entries(queues)) {
      if (typeof facts === "string") continue;
      const of = (setting: string): string => `service-bus: ${setting} of queue ${JSON.stringify(queue)}`;
      durationOption(of("lockMs"), facts.lockMs, { most: serviceBusLimits.maxLeaseMs });
      durationOption(of("dedupWindowMs"), facts.dedupWindowMs, { least: 0 });
      numberOption(of("maxDeliveryCount"), facts.maxDeliveryCount, { least: 1 });
    }
    NameClaims.check(
      "queue",
      Object.keys(queues).map((queue) => [queue, comparable(this.#nameOf(queue))] as const),
    );
  }

  /** @throws DriverError `permanent` if the name is not valid, or if another logical name has the same name in the namespace */
  entity(queue: string): Entity {
    const isDeadLetters = queue.endsWith(DEAD_LETTERS);
    const owner = isDeadLetters ? queue.slice(0, -DEAD_LETTERS.length) : queue;
    const name = this.#nameOf(owner);
    checkName(name, QUEUE_NAME, QUEUE_NAME_RULE);
    this.#claims.claim(owner, comparable(name));
    return { queue: owner, name, isDeadLetters };
  }

  /** The known settings of the queue with this logical name. */
  facts(queue: string): QueueFacts {
    const given = Object.hasOwn(this.#queues, queue) ? this.#queues[queue] : undefined;
    return typeof given === "string" ? { name: given } : (given ?? {});
  }

  #nameOf(queue: string): string {
    return this.facts(queue).name ?? `${this.#prefix}${queue}`;
  }
}

/** A name in the form in which names are compared. Service Bus ignores case. */
function comparable(name: string): string {
  return name.toLowerCase();
}

/** The logical name under which the dead letters of a queue are read. */
export function deadLetterName({ queue }: Entity): string {
  return `${queue}${DEAD_LETTERS}`;
}
