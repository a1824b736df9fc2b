import { QueueError } from "../errors.ts";
import { DriverError } from "./error.ts";

/**
 * Returns the name of the dead-letter queue or the delay queue of `queue`: `emails` -> `emails-dlq`. The ending `.fifo`
 * stays at the end, because SQS requires it of a FIFO queue: `emails.fifo` -> `emails-dlq.fifo`.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html (2026-11)
 */
export function siblingQueue(queue: string, suffix: "-dlq" | "-delay"): string {
  const ending = ".fifo";
  return queue.endsWith(ending) ? `${queue.slice(0, -ending.length)}${suffix}${ending}` : `${queue}${suffix}`;
}

/** Reverses {@link siblingQueue}: `emails-dlq` -> `emails`. Returns undefined for a name without the suffix. */
export function ownerQueue(queue: string, suffix: "-dlq" | "-delay"): string | undefined {
  const ending = queue.endsWith(".fifo") ? ".fifo" : "";
  const stem = queue.slice(0, queue.length - ending.length);
  return stem.endsWith(suffix) ? `${stem.slice(0, -suffix.length)}${ending}` : undefined;
}

/**
 * Refuses a logical name that maps to the same physical queue as another one. Two such queues would receive each
 * other's messages, and dropping one would drop both.
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
   * @throws QueueError `config` when two logical names map to one physical name
   */
  static check(kind: string, mapped: Iterable<readonly [logical: string, physical: string]>): void {
    const claims = new NameClaims(kind);
    for (const [logical, physical] of mapped) {
      const problem = claims.#take(logical, physical);
      if (problem !== undefined) throw new QueueError("config", `queues: ${problem}`);
    }
  }

  /**
   * Records that `logical` maps to `physical`.
   *
   * @throws DriverError `permanent` when another logical name maps to `physical`
   */
  claim(logical: string, physical: string): void {
    const problem = this.#take(logical, physical);
    if (problem !== undefined) throw new DriverError("permanent", problem);
  }

  /** Returns the problem if another logical name has the physical name. */
  #take(logical: string, physical: string): string | undefined {
    const holder = this.#logicalOf.get(physical);
    if (holder === undefined) this.#logicalOf.set(physical, logical);
    if (holder === undefined || holder === logical) return undefined;
    return `"${holder}" and "${logical}" both mean the ${this.#kind} ${physical}. Give each logical queue a ${this.#kind} of its own.`;
  }
}
