import { QueueError } from "../errors.ts";
import { DriverError } from "./error.ts";

/**
 * The name of a queue that belongs to `queue`: `emails` -> `emails-dlq`. A `.fifo` ending stays the ending,
 * since the provider that has it knows ordered queues by it: `emails.fifo` -> `emails-dlq.fifo`.
 */
export function siblingQueue(queue: string, suffix: "-dlq" | "-delay"): string {
  const ending = ".fifo";
  return queue.endsWith(ending) ? `${queue.slice(0, -ending.length)}${suffix}${ending}` : `${queue}${suffix}`;
}

/** Undoes {@link siblingQueue}: `emails-dlq` -> `emails`. Undefined for a name that is not one of its making. */
export function ownerQueue(queue: string, suffix: "-dlq" | "-delay"): string | undefined {
  const ending = queue.endsWith(".fifo") ? ".fifo" : "";
  const stem = queue.slice(0, queue.length - ending.length);
  return stem.endsWith(suffix) ? `${stem.slice(0, -suffix.length)}${ending}` : undefined;
}

/**
 * Keeps the logical names of one driver apart: of two that meant one physical queue, each would take the other's
 * messages, and to drop one would drop both.
 */
export class NameClaims {
  readonly #kind: string;
  /** By physical name, the logical name that means it. */
  readonly #meant = new Map<string, string>();

  /** `kind`: what a logical name stands for, such as "queue" or "subscription". */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** @throws QueueError `config` where two of the names that a user gave mean one */
  static check(kind: string, mapped: Iterable<readonly [logical: string, physical: string]>): void {
    const claims = new NameClaims(kind);
    for (const [logical, physical] of mapped) {
      const problem = claims.#take(logical, physical);
      if (problem !== undefined) throw new QueueError("config", `queues: ${problem}`);
    }
  }

  /** @throws DriverError `permanent` where another logical name means it already */
  claim(logical: string, physical: string): void {
    const problem = this.#take(logical, physical);
    if (problem !== undefined) throw new DriverError("permanent", problem);
  }

  /** Returns what is wrong with it, where somebody else has it. */
  #take(logical: string, physical: string): string | undefined {
    const holder = this.#meant.get(physical);
    if (holder === undefined) this.#meant.set(physical, logical);
    if (holder === undefined || holder === logical) return undefined;
    return `"${holder}" and "${logical}" both mean the ${this.#kind} ${physical}. Give each logical queue a ${this.#kind} of its own.`;
  }
}
