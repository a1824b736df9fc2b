import type { RequeuePurpose } from "../../src/message/requeue.ts";
import { requeueId } from "../../src/message/requeue.ts";
import { decodeInfo } from "../../src/message/dead-letter-info.ts";
import type { Attributes, Delivery, Operation, Outgoing } from "../../src/driver/index.ts";
import { isQueueError } from "../../src/errors.ts";
import { idOf } from "./message-id.ts";
import type { Plan } from "./plan.ts";
import type { QueueNames, RuleLedger } from "./world.ts";
import type { Violation } from "./violation.ts";
import { type Copy, type Held, type ActiveRun, trackMessage, type TrackedMessage } from "./tracked.ts";

/**
 * Records what really happens, which only an observer of the broker and of all processes can know. Checks the rules
 * of delivery on the way.
 */
export class Ledger implements RuleLedger {
  readonly violations: Violation[] = [];
  readonly messages: Map<string, TrackedMessage> = new Map();
  readonly running: Set<ActiveRun> = new Set();
  readonly #copies = new Map<string, Copy>();
  readonly #live = new Set<Copy>();
  readonly #names: QueueNames;
  readonly #now: () => number;
  #deliveries = 0;
  /** Largest difference between two clocks. */
  readonly #spreadMs: number;

  constructor(plan: Plan, names: QueueNames, now: () => number) {
    this.#names = names;
    this.#now = now;
    const skews = plan.processes.flatMap(({ skewMs, clockSet }) => [skewMs, skewMs + (clockSet?.byMs ?? 0)]);
    this.#spreadMs = Math.max(0, ...skews) - Math.min(0, ...skews);
    for (const message of plan.messages) this.messages.set(message.id, trackMessage(message));
  }

  /** Number of copies that are neither acknowledged nor dead-lettered. */
  get open(): number {
    return this.#live.size;
  }

  violate(rule: string, text: string): void {
    this.violations.push({ rule, text });
  }

  of(id: string): TrackedMessage {
    const tracked = this.messages.get(id);
    if (tracked === undefined) throw new Error(`no message ${id} was planned`);
    return tracked;
  }

  copy(brokerId: string): Copy | undefined {
    return this.#copies.get(brokerId);
  }

  /**
   * Records that the broker has stored a message, or has dropped it as a duplicate. `held` are the deliveries of the
   * message that the sending process holds.
   */
  stored(queue: string, outgoing: Outgoing, brokerId: string, held: readonly Held[], isDead: boolean): void {
    const id = idOf(outgoing.body);
    const message = this.of(id);
    const replaced = held.filter(({ copy }) => this.#purposeOf(queue, outgoing, id, copy) !== undefined);
    for (const one of replaced) {
      // Its process died meanwhile, and will not acknowledge the original.
      if (isDead) this.excuse(one.copy, 1);
      one.mayAck = true;
    }
    // If one copy was delivered twice to this process, the new copy replaces the delivery whose attempt it records.
    const recorded = Number(outgoing.attributes["qp_attempt"]);
    const origin = replaced.find(({ attempt }) => attempt === recorded) ?? replaced.at(-1);
    if (this.#copies.has(brokerId)) return;
    if (message.sent === "refused")
      this.violate("honest", `${id} was reported as not sent, and is stored afterwards`);
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
          : this.#deliveriesOf(
              parent,
              purpose === "defer" && (origin?.started === false || origin?.released === true),
            ),
      deliveries: 0,
      split: false,
      confused: parent !== undefined && isConfused(parent),
      touched: parent?.touched ?? false,
      failedAt: parent?.failedAt ?? 0,
      notBefore: parent?.notBefore ?? 0,
    };
    this.#copies.set(brokerId, copy);
    if (queue === this.#names.deadLetters) this.#recordDeadLetter(copy, outgoing.attributes);
    else this.#live.add(copy);
  }

  /** Counts deliveries that may cost attempts. Hops and deferrals cost none. */
  #deliveriesOf(copy: Copy, isDeferral: boolean): number {
    if (copy.queue === this.#names.delayQueue) return copy.deliveriesBefore;
    return copy.deliveriesBefore + copy.deliveries - (isDeferral ? 1 : 0);
  }

  /** The purpose for which `outgoing` replaces `copy`. `undefined` if it does not replace it. */
  #purposeOf(queue: string, { dedupId }: Outgoing, id: string, copy: Copy): RequeuePurpose | undefined {
    const { main, delayQueue, deadLetters } = this.#names;
    const delivery = { brokerId: copy.brokerId } as Delivery;
    // The pump does not read bodies. It derives the id of a copy from the broker's id of the message.
    if (copy.queue === delayQueue) {
      const purpose = queue === main ? "due" : "park";
      return requeueId(copy.brokerId, purpose, delivery) === dedupId ? purpose : undefined;
    }
    const purposes: readonly RequeuePurpose[] = queue === deadLetters ? ["dead_letter"] : ["retry", "defer"];
    return purposes.find((purpose) => requeueId(id, purpose, delivery) === dedupId);
  }

  /** Records a delivery. `undefined` if the broker's message is unknown to the ledger. */
  delivered({ brokerId, deliveryCount, attributes }: Delivery): Held | undefined {
    const copy = this.#copies.get(brokerId);
    if (copy === undefined) return undefined;
    copy.deliveries = Math.max(copy.deliveries, deliveryCount);
    const attempt = Number(attributes["qp_attempt"] ?? 0) + deliveryCount;
    this.#deliveries += 1;
    return {
      id: copy.message.planned.id,
      copy,
      attempt,
      runs: copy.runsBefore + copy.runs,
      tag: `delivery ${this.#deliveries}`,
      started: false,
      released: false,
      mayAck: false,
      muted: false,
    };
  }

  /** Records that a settlement has taken effect. */
  settled(operation: Operation, held: Held): void {
    const { copy } = held;
    const { planned } = copy.message;
    if (operation.kind === "ack") {
      if (!held.mayAck)
        this.violate(
          "ack",
          `${planned.id} was acknowledged before its handler was done, or before its copy was stored`,
        );
      this.#live.delete(copy);
    } else if (operation.kind === "dead_letter") {
      this.#live.delete(copy);
      this.#recordDeadLetter(copy, operation.attributes);
    }
  }

  #recordDeadLetter(copy: Copy, attributes: Attributes): void {
    const { planned, deadLetters } = copy.message;
    const { info } = decodeInfo(attributes, new Date(this.#now()));
    deadLetters.push(info?.reason ?? "");
    if (info === undefined || info.reason === "")
      return this.violate("reason", `${planned.id} was dead-lettered without a reason`);
    const real = isConfused(copy) ? 0 : copy.runsBefore + copy.runs;
    if (info.attempts < real && info.reason !== "crash_loop")
      this.violate("attempts", `${planned.id}: its dead letter records ${info.attempts} attempts of ${real}`);
    if (info.reason === "max_attempts" && Math.min(copy.failedAt, info.attempts) < planned.maxAttempts)
      this.violate(
        "exhausted",
        `${planned.id} ran out of attempts at ${info.attempts}, without a failed run`,
      );
    const { failures, wasted } = copy.message;
    if (info.reason === "max_attempts" && failures + wasted < planned.maxAttempts && !copy.touched)
      this.violate("exhausted", `${planned.id} ran out of attempts after ${failures} failed runs`);
    if (info.reason === "permanent_error" && !planned.runs.some(({ outcome }) => outcome === "permanent"))
      this.violate("exhausted", `${planned.id} never failed permanently`);
    if (info.reason === "malformed") this.violate("reason", `${planned.id} was dead-lettered as malformed`);
  }

  /** Records that a handler is called. */
  started(process: string, held: Held, signal: AbortSignal): ActiveRun {
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
    const run = { held, process, signal };
    this.running.add(run);
    // A run whose signal was aborted by a timeout has failed, unless it still succeeds.
    const onAbort = (): void => {
      if (isQueueError(signal.reason, "timeout")) copy.failedAt = Math.max(copy.failedAt, held.attempt);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return run;
  }

  /** Records that a run must be followed by another, after a delay. */
  mustRunAgain(held: Held, delayMs: number): void {
    held.copy.message.repeats += 1;
    held.copy.notBefore = this.#now() + delayMs;
    // A lease that could not be extended may expire before the settlement arrives.
    held.copy.touched = held.muted;
  }

  /** Records that a run was released without a failure. It is no attempt. */
  released(held: Held): void {
    this.mustRunAgain(held, 0);
    // With two copies at the same attempt, both events are about one of them.
    if (held.released) return;
    held.released = true;
    held.runs -= 1;
    held.copy.runs -= 1;
  }

  /** Records that a fault has affected a copy, and may cause this many additional runs. */
  excuse(copy: Copy, runs: number): void {
    copy.touched = true;
    copy.message.excused += runs;
    this.waste(copy.brokerId);
  }

  excuseSend(id: string): void {
    this.of(id).excused += 1;
  }

  /** Records that a fault has cost a delivery of a copy. */
  waste(brokerId: string): void {
    const copy = this.#copies.get(brokerId);
    if (copy !== undefined) copy.message.wasted += 1;
  }

  /** Checks that no copy runs twice at once. Called after everything at one time has happened. */
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

  /** Checks the rules that hold at the end. Called when nothing is left to happen. */
  checkEnd(): void {
    let duplicates = 0;
    let excused = 0;
    for (const [id, message] of this.messages) {
      const { sent, starts, repeats, completed, deadLetters } = message;
      const isDone = completed > 0 || deadLetters.length > 0;
      if (sent === "accepted" && !isDone)
        this.violate("lost", `${id} was accepted, and is neither done nor dead-lettered`);
      if (sent === "refused" && starts > 0)
        this.violate("honest", `${id} was reported as not sent, and was handled`);
      if (sent === "pending") this.violate("answered", `${id}: its sender got no answer`);
      duplicates += Math.max(0, starts - 1 - repeats);
      excused += message.excused;
      if (starts - 1 - repeats > message.excused)
        this.violate(
          "duplicates",
          `${id} ran ${starts} times; ${1 + repeats} + ${message.excused} are excused`,
        );
    }
    if (duplicates > excused)
      this.violate("duplicates", `${duplicates} additional runs; faults excuse ${excused}`);
  }
}

function isConfused({ split, confused }: Copy): boolean {
  return split || confused;
}
