import { isQueueError } from "../../../src/errors.ts";
import type { JobChange } from "../../../src/jobs/store/change.ts";
import type { JobRow } from "../../../src/jobs/store/job-row.ts";
import { requeueId } from "../../../src/message/requeue.ts";
import type { Delivery, Operation, Outgoing } from "../../../src/driver/index.ts";
import type { RequeuePurpose } from "../../../src/message/requeue.ts";
import { idOf, textOf } from "../message-id.ts";
import type { Violation } from "../violation.ts";
import type { QueueNames, RuleLedger } from "../world.ts";
import { checkChange } from "./change-rules.ts";
import type { Line } from "./lines.ts";
import type { JobPlan } from "./plan.ts";
import {
  type ActiveRun,
  type Grant,
  type JobCopy,
  type JobHeld,
  type TrackedJob,
  type TrackedRecord,
  trackRecord,
} from "./tracked-job.ts";
import type { AppliedChange } from "./watched-store.ts";

/** Time after a request of the store that has failed within which a process may count the store as down. */
const TROUBLE_MS = 30_000;
/** A job may run this much before its time, since clocks differ. */
const EARLY_MS = 2_000;
/** The claims of other deployments have another namespace. */
export const NAMESPACES = ["production", "staging"] as const;

/** Records what really happens to the jobs, and checks the rules of the job system on the way. */
export class JobLedger implements RuleLedger {
  readonly violations: Violation[] = [];
  readonly lines: Map<Line, number> = new Map();
  readonly jobs: Map<string, TrackedJob> = new Map();
  readonly running: Set<ActiveRun> = new Set();
  readonly plan: JobPlan;
  /** The rows as they stand. */
  readonly rows: Map<string, JobRow> = new Map();
  /** Whether a call is applied that the network has held back. */
  isLate = false;
  /** When a job was changed last. */
  changedAt = 0;
  readonly #queues: readonly QueueNames[];
  readonly #now: () => number;
  readonly #copies = new Map<string, JobCopy>();
  readonly #records = new Map<string, TrackedRecord>();
  /** When each process had a request of the store without an answer. */
  readonly #troubles = new Map<string, number>();
  /** The ends of each process that are not recorded, by record. */
  readonly #unrecorded = new Map<string, Set<TrackedRecord>>();
  #deliveries = 0;

  constructor(plan: JobPlan, queues: readonly QueueNames[], now: () => number) {
    this.plan = plan;
    this.#queues = queues;
    this.#now = now;
    const uses = new Map<string, number>();
    for (const { id = "" } of plan.sends) uses.set(id, (uses.get(id) ?? 0) + 1);
    for (const send of plan.sends) {
      for (const planned of send.jobs) {
        this.jobs.set(planned.key, {
          planned,
          send,
          namespace: NAMESPACES[send.queue === 2 ? 1 : 0],
          isShared: send.id === "shared" && (uses.get(send.id) ?? 0) > 1,
          id: send.way === "key" ? undefined : send.id,
          sent: "never",
          starts: 0,
          oks: 0,
          overIn: new Set(),
          letters: new Set(),
          buried: 0,
          isAbsorbed: false,
          dueAt: 0,
          saved: 0,
        });
      }
    }
  }

  of(key: string): TrackedJob {
    const job = this.jobs.get(key);
    if (job === undefined) throw new Error(`no job ${key} was planned`);
    return job;
  }

  get now(): number {
    return this.#now();
  }

  violate(rule: string, text: string): void {
    this.violations.push({ rule, text });
  }

  reached(line: Line): void {
    this.lines.set(line, (this.lines.get(line) ?? 0) + 1);
  }

  record(namespace: string, id: string): TrackedRecord {
    const key = `${namespace}/${id}`;
    const known = this.#records.get(key) ?? trackRecord(namespace, id);
    this.#records.set(key, known);
    return known;
  }

  get records(): IterableIterator<TrackedRecord> {
    return this.#records.values();
  }

  recordOf({ namespace, id = "" }: Pick<TrackedJob, "namespace" | "id">): TrackedRecord {
    return this.record(namespace, id);
  }

  rowOf({ namespace, id }: Pick<TrackedJob, "namespace" | "id">): JobRow | undefined {
    return this.rows.get(`${namespace}/${id}`);
  }

  /** The keys of the messages with an id, for a trace. */
  nameOf(id: string): string {
    const keys = [...this.jobs.values()].filter((job) => job.id === id).map(({ planned }) => planned.key);
    return keys.length === 0 ? id : keys.join("+");
  }

  /** The message of a body. */
  ofBody(body: Outgoing["body"]): TrackedJob | undefined {
    return this.jobs.get(/"key":"(j\d+)"/.exec(textOf(body))?.[1] ?? "");
  }

  copy(brokerId: string): JobCopy | undefined {
    return this.#copies.get(brokerId);
  }

  stored(queue: string, outgoing: Outgoing, brokerId: string, held: readonly JobHeld[], isDead: boolean): void {
    const id = idOf(outgoing.body);
    const job = this.ofBody(outgoing.body);
    if (job === undefined) return this.violate("phantom", `a message ${id} was sent that nobody has sent`);
    for (const one of held) if (this.#replaces(queue, outgoing, one)) one.isReplaced = true;
    const generation = Number(outgoing.attributes["qp_redrive"] ?? 0);
    const record = this.record(job.namespace, id);
    job.id = id;
    const isFirst = held.length === 0;
    const isFromRecord = outgoing.attributes["qp_job"] !== undefined;
    if (isFirst && isFromRecord) {
      if (record.sent.has(generation)) this.reached("recorded: the message is sent a second time");
      if (isDead) this.reached("recorded: the dispatcher dies before it has confirmed");
    }
    if (isFirst && !isFromRecord && isDead && job.send.way !== "bare")
      this.reached("plain: the sender dies before the record");
    if (this.#copies.has(brokerId)) {
      if (isFirst && this.#copies.get(brokerId)?.message !== job) job.isAbsorbed = true;
      if (isFirst && isFromRecord && generation > 0 && !record.sent.has(generation))
        this.violate("dedup", `${job.planned.key}: the broker drops its generation ${generation}`);
      return;
    }
    record.sent.add(generation);
    if (generation > 0 && isFirst && this.#dedups) this.reached("reopen: within the window of a broker that deduplicates");
    if (job.sent === "refused" && isFirst)
      this.violate("honest", `${job.planned.key} was reported as not sent, and is stored afterwards`);
    this.#copies.set(brokerId, { brokerId, queue, id, message: job, generation, split: false });
    if (queue === this.#of(queue).deadLetters) this.#letter(job, brokerId);
  }

  get #dedups(): boolean {
    const { provider, isOrdered } = this.plan;
    return provider === "service-bus" || (isOrdered && provider !== "pubsub");
  }

  #of(queue: string): QueueNames {
    const found = this.#queues.find(({ main, delayQueue, deadLetters }) =>
      [main, delayQueue, deadLetters].includes(queue),
    );
    if (found === undefined) throw new Error(`there is no queue ${queue}`);
    return found;
  }

  #letter(job: TrackedJob, brokerId: string): void {
    job.letters.add(brokerId);
    job.buried += 1;
  }

  /** Whether `outgoing` replaces the message that was delivered. */
  #replaces(queue: string, { dedupId }: Outgoing, { id, copy }: JobHeld): boolean {
    const { main, delayQueue, deadLetters } = this.#of(copy.queue);
    const delivery = { brokerId: copy.brokerId } as Delivery;
    const isPurpose = (purposes: readonly RequeuePurpose[], name = id): boolean =>
      purposes.some((purpose) => requeueId(name, purpose, delivery) === dedupId);
    if (copy.queue === delayQueue) return isPurpose([queue === main ? "due" : "park"], copy.brokerId);
    if (copy.queue === deadLetters) return isPurpose(["redrive"]) || dedupId === movedId(copy.brokerId);
    return isPurpose(queue === deadLetters ? ["dead_letter"] : ["retry", "defer"]);
  }

  delivered(delivery: Delivery, process: string): JobHeld | undefined {
    const { brokerId, body } = delivery;
    let copy = this.#copies.get(brokerId);
    if (copy === undefined) {
      // The broker has moved it to the dead letters itself.
      const job = this.ofBody(body);
      if (job === undefined) return undefined;
      const generation = Number(delivery.attributes["qp_redrive"] ?? 0);
      copy = { brokerId, queue: this.#queues[job.send.queue]?.deadLetters ?? "", id: idOf(body), message: job, generation, split: false };
      this.#copies.set(brokerId, copy);
      this.#letter(job, brokerId);
    }
    this.#deliveries += 1;
    const number = this.#deliveries.toString(16);
    return {
      id: copy.id,
      process,
      copy,
      tag: `00-${number.padStart(32, "0")}-${number.padStart(16, "0")}-01`,
      muted: false,
      run: undefined,
      isReplaced: false,
    };
  }

  settled({ kind }: Operation, held: JobHeld): void {
    const { copy } = held;
    const { message, queue } = copy;
    if (queue === this.#of(queue).deadLetters) {
      if (kind !== "ack") return;
      message.letters.delete(copy.brokerId);
      if (!held.isReplaced) this.violate("unseen", `the dead letter of ${message.planned.key} was removed`);
    } else if (kind === "release") {
      // The broker counts the delivery all the same.
      if (held.run === undefined) this.excuse(copy);
    } else if (kind === "dead_letter") {
      this.#letter(message, copy.brokerId);
    } else if (kind === "ack") {
      const problem = held.isReplaced ? undefined : this.#problemOfAck(held);
      if (problem !== undefined) this.violate("unseen", `${message.planned.key} was acknowledged, and ${problem}`);
    }
  }

  #problemOfAck({ copy, run, process }: JobHeld): string | undefined {
    const { message, id } = copy;
    const row = this.rows.get(`${message.namespace}/${id}`);
    if (run?.result === "ok") {
      if (run.grant === undefined || run.grant.ended !== undefined) return undefined;
      if (message.planned.type === "runs" && this.isTroubled(run.process)) return undefined;
      // Another run of it has ended meanwhile, or nobody remembers it.
      if (row === undefined || row.status === "completed") return undefined;
      return "its end is not recorded";
    }
    if (message.isShared) return message.oks > 0 || message.buried > 0 ? undefined : "it was not handled";
    const record = this.record(message.namespace, id);
    const isKept = this.isTroubled(process) || record.isUnrecorded;
    // The process remembers that the job is over, and its record follows.
    const isOver = message.overIn.has(process) || message.buried > 0 || isCancelled(run);
    if (isKept && isOver && row?.status !== "completed" && row?.status !== "cancelled") return undefined;
    if (row === undefined) return record.isArchived ? undefined : "it has no record";
    if (row.status === "completed" || row.status === "cancelled") {
      if (run === undefined)
        this.reached(
          row.status === "completed"
            ? "run: a second delivery finds the job completed"
            : "cancel: before the start, and the message is acknowledged unseen",
        );
      return undefined;
    }
    if (row.status === "failed" && message.buried > 0) {
      this.reached("dead letter: the job is found failed, and its letter is known");
      return undefined;
    }
    // An older copy of a job that has gone on since.
    if (copy.generation < row.generation) return undefined;
    return message.buried > 0 ? undefined : `is ${row.status}`;
  }

  excuse(copy: JobCopy): void {
    this.record(copy.message.namespace, copy.id).wasted += 1;
  }

  excuseSend(): void {
    // An answer that is lost makes a send unknown, which its sender hears.
  }

  waste(brokerId: string): void {
    const copy = this.#copies.get(brokerId);
    if (copy !== undefined) this.excuse(copy);
  }

  /** Records that a process has made a request of the store that has failed. */
  troubled(process: string, _changes: readonly JobChange[]): void {
    this.#troubles.set(process, this.#now());
  }

  /** Whether no process may count the store as down. */
  get isCalm(): boolean {
    return [...this.#troubles.keys()].every((process) => !this.isTroubled(process));
  }

  /** Whether a process may count the store as down. */
  isTroubled(process: string): boolean {
    const at = this.#troubles.get(process);
    return at !== undefined && this.#now() - at < TROUBLE_MS;
  }

  /** Records that a handler is called. */
  started(run: Omit<ActiveRun, "result" | "grant">, fence: number | undefined, saved: unknown): ActiveRun {
    const { copy } = run.held;
    const { message } = copy;
    const { key, type } = message.planned;
    const record = this.record(message.namespace, copy.id);
    const grant = fence === undefined ? undefined : grantOf(record, fence);
    const started: ActiveRun = { ...run, grant, result: "running" };
    message.starts += 1;
    if (this.now < message.dueAt - EARLY_MS)
      this.violate("due", `${key} runs ${message.dueAt - this.now} ms before it is due`);
    if (message.sent === "refused") this.violate("honest", `${key} was reported as not sent, and runs`);
    if (grant !== undefined) {
      if (grant.process !== run.process) this.violate("owners", `${key} runs by the claim of another process`);
      if (grant.run !== undefined) this.violate("owners", `${key} runs twice by one claim`);
      grant.run = started;
      if (message.saved > Number(saved ?? 0) && !message.isShared)
        this.violate("saved", `${key} goes on from ${String(saved)}, and ${message.saved} was saved`);
    } else if (fence !== undefined) {
      this.violate("owners", `${key} runs with the fence ${fence}, which nobody was given`);
    } else if (message.isShared) {
      record.untracked += 1;
    } else {
      record.untracked += 1;
      this.reached("store: a job runs without a claim");
      if (type === "waits") this.violate("waits", `${key} runs without a claim, and waits for the store`);
      if (!this.isTroubled(run.process))
        this.violate("untracked", `${key} runs without a claim, and the store answers`);
    }
    run.held.run = started;
    this.running.add(started);
    this.#unrecorded.set(run.process, (this.#unrecorded.get(run.process) ?? new Set()).add(record));
    return started;
  }

  /** Records that a handler has returned or thrown. */
  ended(run: ActiveRun, isOk: boolean): void {
    run.result = isOk ? "ok" : "failed";
    this.running.delete(run);
    const { copy } = run.held;
    if (isOk || isCancelled(run)) copy.message.overIn.add(run.process);
    if (!isOk) return;
    copy.message.oks += 1;
    if (run.signal.aborted) this.reached("run: the lease is lost, and the handler returns");
  }

  /** Records what a process leaves behind that dies now. */
  crashed(process: string, held: readonly JobHeld[]): void {
    for (const { run, copy, isReplaced } of held) {
      this.excuse(copy);
      const isLetter = this.#of(copy.queue).deadLetters === copy.queue;
      if (isLetter) {
        if (isReplaced) this.reached("redrive: the operator dies between the copy and the letter");
      } else if (run === undefined) {
        if (!isReplaced && this.#of(copy.queue).main === copy.queue) this.reached("run: the worker dies before the claim");
      } else if (run.result === "running" && run.process === process) {
        this.reached("run: the worker dies in the handler");
      } else if (run.grant?.ended === "completed") {
        this.reached("run: the worker dies between the end and the acknowledgement");
      } else if (run.grant?.ended === "retrying" && !isReplaced) {
        this.reached("retry: the worker dies between the end and the copy");
      } else if (run.grant?.ended === "retrying") {
        this.reached("retry: the copy is stored, and the original is not acknowledged");
      } else if (run.grant?.ended === "failed") {
        this.reached(
          isReplaced
            ? "dead letter: the worker dies between the letter and the acknowledgement"
            : "dead letter: the worker dies between the end and the letter",
        );
      }
    }
  }

  /** Records that jobs were archived. */
  archived(namespace: string, found: readonly { readonly id: string }[]): void {
    for (const { id } of found) {
      const record = this.record(namespace, id);
      this.reached(record.isArchived ? "retention: jobs are archived twice" : "retention: jobs are archived and deleted");
      record.isArchived = true;
    }
  }

  /** Records that a process has died, or has closed: what it has kept is lost with it. */
  gone(process: string): void {
    for (const record of this.#unrecorded.get(process) ?? []) record.isUnrecorded = true;
    for (const run of this.running) {
      if (run.process !== process) continue;
      run.result = "died";
      this.running.delete(run);
    }
  }

  applied(process: string, applied: AppliedChange): void {
    const { namespace, change, after } = applied;
    const record = this.record(namespace, change.id);
    checkChange(this, process, record, applied);
    const { row, message } = after ?? {};
    this.changedAt = this.now;
    if (change.kind === "birth") record.isStoreBorn = true;
    if (row !== undefined) this.rows.set(`${namespace}/${change.id}`, row);
    const key = (message?.payload as { readonly key?: string } | null | undefined)?.key;
    const job = this.jobs.get(key ?? "");
    if (job !== undefined) job.id = change.id;
    if (change.kind === "end") for (const records of this.#unrecorded.values()) records.delete(record);
  }

  describe({ change, before, after, answer }: AppliedChange): string {
    const { kind, id } = change;
    const states = `${before?.status ?? "none"} → ${after?.row.status ?? "none"}`;
    const word = answer.do === "ended" ? answer.verdict : answer.do === "later" ? `later (${answer.why})` : answer.do;
    const outcome = kind === "end" ? ` ${change.outcome}` : "";
    return `${kind}${outcome} ${this.nameOf(id)}: ${states}, ${word}, generation ${after?.row.generation}`;
  }
}

/** Whether a handler was asked to end since its job was cancelled. */
function isCancelled(run: ActiveRun | undefined): boolean {
  return isQueueError(run?.signal.reason, "cancelled");
}

function grantOf({ grants }: TrackedRecord, fence: number): Grant | undefined {
  return [...grants.values()].find((one) => one.fence === fence);
}

/** The id under which a console sends a dead letter back. */
export function movedId(brokerId: string): string {
  return `moved-${brokerId}`;
}
