import { DriverError, NameClaims } from "../../src/driver/index.ts";

/** What is known of one queue beforehand; what is left out is asked of the service, where that may be asked. */
export interface QueueFacts {
  /** The name of the queue in the namespace. @default the prefix and the logical name */
  readonly name?: string | undefined;
  /** Whether the queue requires sessions, and so keeps order by key. @default false */
  readonly sessions?: boolean | undefined;
  /** Its duplicate detection window; 0 where that is off. @default 0 */
  readonly dedupWindowMs?: number | undefined;
  /** Its lock duration. @default 30000 */
  readonly lockMs?: number | undefined;
  /** Its max delivery count. @default 10 */
  readonly maxDeliveryCount?: number | undefined;
}

/** How logical names become names in the namespace. */
export interface NamingOptions {
  /** Before every name that `queues` does not give. */
  readonly prefix?: string | undefined;
  /** By logical name: the name in the namespace, or what is known of the queue. */
  readonly queues?: Readonly<Record<string, string | QueueFacts>> | undefined;
}

/** What the core appends to read a queue's own dead letters. */
const DEAD_LETTERS = "/$DeadLetterQueue";

/** One entity of the namespace. */
export interface Entity {
  /** The queue's logical name. */
  readonly queue: string;
  /** The queue's name in the namespace. */
  readonly name: string;
  /** Whether its dead-letter sub-queue is meant. */
  readonly isDeadLetters: boolean;
}

export class QueueNames {
  readonly #prefix: string;
  readonly #queues: Readonly<Record<string, string | QueueFacts>>;
  readonly #claims = new NameClaims("queue");

  /** @throws QueueError `config` where two logical names mean one queue */
  constructor({ prefix = "", queues = {} }: NamingOptions) {
    this.#prefix = prefix;
    this.#queues = queues;
    NameClaims.check(
      "queue",
      Object.keys(queues).map((queue) => [queue, comparable(this.#nameOf(queue))] as const),
    );
  }

  /** @throws DriverError `permanent` where another logical name means the same queue already */
  entity(queue: string): Entity {
    const isDeadLetters = queue.endsWith(DEAD_LETTERS);
    const owner = isDeadLetters ? queue.slice(0, -DEAD_LETTERS.length) : queue;
    const name = this.#nameOf(owner);
    this.#claims.claim(owner, comparable(name));
    return { queue: owner, name, isDeadLetters };
  }

  #nameOf(queue: string): string {
    return this.facts(queue).name ?? `${this.#prefix}${queue}`;
  }

  facts(queue: string): QueueFacts {
    const given = Object.hasOwn(this.#queues, queue) ? this.#queues[queue] : undefined;
    return typeof given === "string" ? { name: given } : (given ?? {});
  }
}

/** The service compares names without regard to case. */
function comparable(name: string): string {
  return name.toLowerCase();
}

/** The name under which the dead letters of a queue are read. */
export function deadLetterName({ queue }: Entity): string {
  return `${queue}${DEAD_LETTERS}`;
}

/** What `Driver.cancel` takes: the queue and the number of its scheduled message. */
export function handleOf(queue: string, sequence: string): string {
  return `${queue}:${sequence}`;
}

/** @throws DriverError where it is none */
export function parseHandle(handle: string): { readonly queue: string; readonly sequence: bigint } {
  const match = /^(.+):(\d{1,19})$/.exec(handle);
  if (match === null)
    throw new DriverError("permanent", `"${handle}" is not a handle of a delayed message on Service Bus.`);
  return { queue: match[1] as string, sequence: BigInt(match[2] as string) };
}
