import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";
import { DriverError } from "./error.ts";

/** The queues that belong to another one, by the suffixes of their names. The last three are reserved for priorities. */
const ROLES = {
  "-dlq": "the dead-letter queue",
  "-delay": "the delay queue",
  "-critical": "reserved for the priorities",
  "-high": "reserved for the priorities",
  "-low": "reserved for the priorities",
} as const;

/** The suffix of the name of a queue that belongs to another one. */
export type SiblingSuffix = keyof typeof ROLES;

/** All suffixes, to be used with {@link siblingQueue}. */
export const siblingSuffixes: readonly SiblingSuffix[] = Object.keys(ROLES) as SiblingSuffix[];

/**
 * Returns the name of a queue that belongs to `queue`, such as its dead-letter queue: `emails` -> `emails-dlq`. The ending
 * `.fifo` stays at the end, because SQS requires it of a FIFO queue: `emails.fifo` -> `emails-dlq.fifo`.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html (2026-11)
 */
export function siblingQueue(queue: string, suffix: SiblingSuffix): string {
  const ending = ".fifo";
  return queue.endsWith(ending) ? `${queue.slice(0, -ending.length)}${suffix}${ending}` : `${queue}${suffix}`;
}

/** Reverses {@link siblingQueue}: `emails-dlq` -> `emails`. Returns undefined for a name without the suffix. */
export function ownerQueue(queue: string, suffix: SiblingSuffix): string | undefined {
  const ending = queue.endsWith(".fifo") ? ".fifo" : "";
  const stem = queue.slice(0, queue.length - ending.length);
  return stem.endsWith(suffix) ? `${stem.slice(0, -suffix.length)}${ending}` : undefined;
}

/**
 * Checks the name of a queue against the rule of the provider, before a request is made with it.
 *
 * @param expected the rule in words, which completes "is not a valid name: "
 * @throws DriverError `permanent` when the name does not match
 */
export function checkName(name: string, pattern: RegExp, expected: string): void {
  if (pattern.test(name)) return;
  throw new DriverError("permanent", `${show(name)} is not a valid name: ${expected}. Choose another name`);
}

/**
 * The queues that a connection uses by their own names. Refuses one that belongs to another: a worker of `orders` would
 * move the jobs of a queue called `orders-delay`, and run them as its own.
 */
export class UsedQueues {
  readonly #used = new Set<string>();

  /**
   * Records that a queue is used.
   *
   * @throws QueueError `invalid_options` when it belongs to a queue that is used, or such a queue belongs to it
   */
  use(queue: string): void {
    if (this.#used.has(queue)) return;
    const problem = siblingProblem(queue, (other) => this.#used.has(other));
    if (problem !== undefined) throw new QueueError("invalid_options", `${problem}.`, { queue });
    this.#used.add(queue);
  }

  /** Forgets a queue that was removed. */
  forget(queue: string): void {
    this.#used.delete(queue);
  }
}

/** Returns the problem if one of the names is reserved for the dead letters, the delays or a priority of another one. */
export function reservedNameProblem(names: Iterable<string>): string | undefined {
  const all = new Set(names);
  for (const name of all) {
    const problem = siblingProblem(name, (other) => all.has(other));
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Returns the problem if a queue belongs to one that is used, or one that is used belongs to it. */
function siblingProblem(queue: string, isUsed: (other: string) => boolean): string | undefined {
  for (const suffix of siblingSuffixes) {
    const owner = ownerQueue(queue, suffix);
    if (owner !== undefined && isUsed(owner)) return reserved(queue, suffix, owner);
    const sibling = siblingQueue(queue, suffix);
    if (isUsed(sibling)) return reserved(sibling, suffix, queue);
  }
  return undefined;
}

function reserved(queue: string, suffix: SiblingSuffix, owner: string): string {
  const read = suffix === "-dlq" ? `, or read the dead letters by deadLetters("${owner}")` : "";
  return `"${queue}" is ${ROLES[suffix]} of "${owner}", which is used as well: queueport would take the messages of the one for those of the other. Give one of them another name${read}`;
}

/**
 * Refuses a logical name that maps to the same physical queue as another one, or to a queue that belongs to another one.
 * Two such queues would receive each other's messages, and dropping one would drop both.
 */
export class NameClaims {
  readonly #kind: string;
  /** The logical name of each physical name. */
  readonly #logicalOf = new Map<string, string>();

  /** @param kind the provider's word for what a logical name maps to, such as "queue" or "subscription" */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /**
   * Checks a mapping from a configuration.
   *
   * @throws QueueError `config` when two logical names map to one physical name, or a name is reserved for another queue
   */
  static check(kind: string, mapped: Iterable<readonly [logical: string, physical: string]>): void {
    const claims = new NameClaims(kind);
    const all = [...mapped];
    const reservedProblem = reservedNameProblem(all.map(([logical]) => logical));
    if (reservedProblem !== undefined) throw new QueueError("config", `queues: ${reservedProblem}.`);
    for (const [logical, physical] of all) {
      const problem = claims.#take(logical, physical);
      if (problem !== undefined) throw new QueueError("config", `queues: ${problem}`);
    }
  }

  /**
   * Records that `logical` maps to `physical`, and each queue that belongs to `logical` to one that belongs to `physical`.
   *
   * @throws DriverError `permanent` when another logical name maps to one of these physical names
   */
  claim(logical: string, physical: string): void {
    const problem = this.#take(logical, physical);
    if (problem !== undefined) throw new DriverError("permanent", problem);
  }

  /** Returns the problem if another logical name has the physical name, or one that belongs to it. */
  #take(logical: string, physical: string): string | undefined {
    const holder = this.#logicalOf.get(physical);
    if (holder === logical) return undefined;
    if (holder !== undefined) return this.#conflict(holder, logical, physical);
    const siblings = siblingSuffixes.map(
      (suffix) => [siblingQueue(logical, suffix), siblingQueue(physical, suffix)] as const,
    );
    for (const [name, physicalSibling] of siblings) {
      const other = this.#logicalOf.get(physicalSibling);
      if (other !== undefined && other !== name) return this.#conflict(other, name, physicalSibling);
    }
    for (const [name, physicalName] of [[logical, physical] as const, ...siblings])
      this.#logicalOf.set(physicalName, name);
    return undefined;
  }

  #conflict(holder: string, logical: string, physical: string): string {
    return `"${holder}" and "${logical}" both mean the ${this.#kind} ${physical}. Give each logical queue a ${this.#kind} of its own.`;
  }
}
