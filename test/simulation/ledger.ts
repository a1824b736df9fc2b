import type { RequeuePurpose } from "../../src/message/requeue.ts";
import { requeueId } from "../../src/message/requeue.ts";
import { decodeInfo } from "../../src/message/dead-letter-info.ts";
import type { Attributes, Delivery, Operation, Outgoing } from "../../src/driver/index.ts";
import { isQueueError } from "../../src/errors.ts";
import type { Plan } from "./plan.ts";
import { type Copy, type Held, type Runner, track, type Tracked } from "./tracked.ts";

/** A rule that was broken. */
export interface Violation {
  readonly rule: string;
  readonly text: string;
}

/** The queues of a run, by what they are for. */
export interface QueueNames {
  readonly main: string;
  readonly parking: string;
  readonly deadLetters: string;
}

/**
 * What really happened, as only somebody can know who sees the broker and every process at once; and the rules that
 * are checked on the way.
 */
export class Ledger {
  readonly violations: Violation[] = [];
  readonly messages: Map<string, Tracked> = new Map();
  readonly running: Set<Runner> = new Set();
  readonly #copies = new Map<string, Copy>();
  readonly #live = new Set<Copy>();
  readonly #names: QueueNames;
  readonly #now: () => number;
  #deliveries = 0;
  /** How far apart two clocks are at most. */
  readonly #spreadMs: number;

  constructor(plan: Plan, names: QueueNames, now: () => number) {
    this.#names = names;
    this.#now = now;
    const skews = plan.processes.map(({ skewMs }) => skewMs);
    this.#spreadMs = Math.max(0, ...skews) - Math.min(0, ...skews);
    for (const message of plan.messages) this.messages.set(message.id, track(message));
  }

  /** Copies that are neither done with nor dead letters. */
  get open(): number {
    return this.#live.size;
  }

  violate(rule: string, text: string): void {
    this.violations.push({ rule, text });
  }

  of(id: string): Tracked {
    const tracked = this.messages.get(id);
    if (tracked === undefined) throw new Error(`nobody sent a message ${id}`);
    return tracked;
  }

  copy(brokerId: string): Copy | undefined {
    return this.#copies.get(brokerId);
  }

  /** The broker has taken a message, or absorbed it as one that it knows. `held` are its process's deliveries of it. */
  stored(queue: string, outgoing: Outgoing, brokerId: string, held: readonly Held[], isDead: boolean): void {
    const id = idOf(outgoing.body);
    const message = this.of(id);
    const replaced = held.filter(({ copy }) => this.#purposeOf(queue, outgoing, id, copy) !== undefined);
    for (const one of replaced) {
      // Its process died meanwhile, and will not acknowledge what this takes the place of.
      if (isDead) this.excuse(one.copy, 1);
      one.dealtWith = true;
    }
    // Where a copy came to this process twice, the clone is of the delivery whose attempt it records.
    const recorded = Number(outgoing.attributes["qp_attempt"]);
    const origin = replaced.find(({ attempt }) => attempt === recorded) ?? replaced.at(-1);
    if (this.#copies.has(brokerId)) return;
    if (message.sent === "refused")
      this.violate("honest", `${id} was refused as certainly not sent, and is stored afterwards`);
    const parent = origin?.copy;
    const purpose = parent === undefined ? undefined : this.#purposeOf(queue, outgoing, id, parent);
    const copy: Copy = {
      brokerId,
      queue,
      message,
      runsBefore: origin?.runs ?? 0,
      runs: 0,
      deliveriesBefore:
        parent === undefined
          ? 0
          : this.#deliveriesOf(parent, purpose === "defer" && origin?.started === false),
      deliveries: 0,
      split: false,
      confused: parent !== undefined && isConfused(parent),
      touched: parent?.touched ?? false,
      failedAt: parent?.failedAt ?? 0,
      notBefore: parent?.notBefore ?? 0,
    };
    this.#copies.set(brokerId, copy);
    if (queue === this.#names.deadLetters) this.#buried(copy, outgoing.attributes);
    else this.#live.add(copy);
  }

  /** Hops cost no attempts, nor does being put off. */
  #deliveriesOf(copy: Copy, isPutOff: boolean): number {
    if (copy.queue === this.#names.parking) return copy.deliveriesBefore;
    return copy.deliveriesBefore + copy.deliveries - (isPutOff ? 1 : 0);
  }

  /** Why `outgoing`, on its way to `queue`, takes the place of a copy; undefined where it does not. */
  #purposeOf(queue: string, { dedupId }: Outgoing, id: string, copy: Copy): RequeuePurpose | undefined {
    const { main, parking, deadLetters } = this.#names;
    const delivery = { brokerId: copy.brokerId } as Delivery;
    // The pump reads no bodies: it names clones after what the broker calls a message.
    if (copy.queue === parking) {
      const purpose = queue === main ? "due" : "park";
      return requeueId(copy.brokerId, purpose, delivery) === dedupId ? purpose : undefined;
    }
    const purposes: readonly RequeuePurpose[] = queue === deadLetters ? ["dead_letter"] : ["retry", "defer"];
    return purposes.find((purpose) => requeueId(id, purpose, delivery) === dedupId);
  }

  delivered({ brokerId, deliveryCount, attributes }: Delivery): Held | undefined {
    const copy = this.#copies.get(brokerId);
    if (copy === undefined) return undefined;
    copy.deliveries = Math.max(copy.deliveries, deliveryCount);
    const attempt = Number(attributes["qp_attempt"] ?? 0) + deliveryCount;
    this.#deliveries += 1;
    return {
      copy,
      attempt,
      runs: copy.runsBefore + copy.runs,
      tag: `delivery ${this.#deliveries}`,
      started: false,
      dealtWith: false,
      muted: false,
    };
  }

  /** A settlement has taken effect. */
  settled(operation: Operation, held: Held): void {
    const { copy } = held;
    const { planned } = copy.message;
    if (operation.kind === "ack") {
      if (!held.dealtWith)
        this.violate(
          "ack",
          `${planned.id} was acknowledged before its handler was done, or its clone stored`,
        );
      this.#live.delete(copy);
    } else if (operation.kind === "dead_letter") {
      this.#live.delete(copy);
      this.#buried(copy, operation.attributes);
    }
  }

  #buried(copy: Copy, attributes: Attributes): void {
    const { planned, deadLetters } = copy.message;
    const info = decodeInfo(attributes);
    deadLetters.push(info?.reason ?? "");
    if (info === undefined || info.reason === "")
      return this.violate("reason", `${planned.id} was dead-lettered without a reason`);
    const real = isConfused(copy) ? 0 : copy.runsBefore + copy.runs;
    if (info.attempts < real && info.reason !== "crash_loop")
      this.violate("attempts", `${planned.id}: its dead letter tells ${info.attempts} attempts of ${real}`);
    if (info.reason === "max_attempts" && Math.min(copy.failedAt, info.attempts) < planned.maxAttempts)
      this.violate(
        "exhausted",
        `${planned.id} ran out of attempts at ${info.attempts}, without a failed run`,
      );
    if (info.reason === "permanent_error" && !planned.runs.some(({ outcome }) => outcome === "permanent"))
      this.violate("exhausted", `${planned.id} never failed for good`);
    if (info.reason === "malformed") this.violate("reason", `${planned.id} was taken for malformed`);
  }

  /** A handler is called. */
  started(process: string, held: Held, signal: AbortSignal): Runner {
    const { copy } = held;
    const { message } = copy;
    const { id } = message.planned;
    const now = this.#now();
    held.started = true;
    message.starts += 1;
    copy.runs += 1;
    held.runs = copy.runsBefore + copy.runs;
    const least = isConfused(copy) ? 1 : held.runs;
    const most = copy.deliveriesBefore + copy.deliveries;
    if (held.attempt < least || held.attempt > most)
      this.violate(
        "attempts",
        `${id} runs as attempt ${held.attempt}; from ${least} (its runs) to ${most} (its deliveries) are right`,
      );
    if (now < message.dueAt - this.#spreadMs)
      this.violate("due", `${id} runs ${message.dueAt - now} ms before it is due`);
    if (!copy.touched && !isConfused(copy) && now < copy.notBefore - this.#spreadMs)
      this.violate("backoff", `${id} runs ${copy.notBefore - now} ms before its backoff is over`);
    const running = { held, process, signal };
    this.running.add(running);
    // Whether it returns or not, a run that was told of its timeout has failed; unless it returns what it was to.
    const onAbort = (): void => {
      if (isQueueError(signal.reason, "timeout")) copy.failedAt = Math.max(copy.failedAt, held.attempt);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return running;
  }

  /** The verdict over a run is that there must be another, after so long. */
  again(held: Held, delayMs: number): void {
    held.copy.message.again += 1;
    held.copy.notBefore = this.#now() + delayMs;
    // Where its lease could not be extended, it may be lost before the verdict arrives.
    held.copy.touched = held.muted;
  }

  /** A fault has touched a delivery, and may cost `runs` that nobody needed. */
  excuse(copy: Copy, runs: number): void {
    copy.touched = true;
    copy.message.excused += runs;
  }

  /** Called between two moments, when everything that happens in one has happened. */
  checkOwners(): void {
    const owners = new Map<Copy, string>();
    for (const { held, signal, process } of this.running) {
      if (signal.aborted || held.copy.split) continue;
      const other = owners.get(held.copy);
      if (other !== undefined)
        this.violate("owners", `${held.copy.message.planned.id} runs on ${other} and on ${process} at once`);
      owners.set(held.copy, process);
    }
  }

  /** Called when everything has come to rest. */
  checkEnd(): void {
    let duplicates = 0;
    let excused = 0;
    for (const [id, message] of this.messages) {
      const { sent, starts, again, completed, deadLetters } = message;
      const isDone = completed > 0 || deadLetters.length > 0;
      if (sent === "accepted" && !isDone) this.violate("lost", `${id} was accepted, and is nowhere`);
      if (sent === "refused" && starts > 0) this.violate("honest", `${id} was refused, and handled`);
      if (sent === "pending") this.violate("answered", `${id}: its sender has had no answer`);
      duplicates += Math.max(0, starts - 1 - again);
      excused += message.excused;
      if (starts - 1 - again > message.excused)
        this.violate(
          "duplicates",
          `${id} ran ${starts} times; ${1 + again} + ${message.excused} are excused`,
        );
    }
    if (duplicates > excused)
      this.violate("duplicates", `${duplicates} runs too many; faults excuse ${excused}`);
  }
}

function isConfused({ split, confused }: Copy): boolean {
  return split || confused;
}

/** The id of an encoded message. */
export function idOf(body: Outgoing["body"]): string {
  const text = typeof body === "string" ? body : Buffer.from(body).toString();
  return /"id":"([^"]+)"/.exec(text)?.[1] ?? "";
}
