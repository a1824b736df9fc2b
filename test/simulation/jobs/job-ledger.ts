import type { JobRow } from "../../../src/jobs/store/job-row.ts";
import type { Delivery, Operation, Outgoing } from "../../../src/driver/index.ts";
import { idOf, textOf } from "../message-id.ts";
import type { Violation } from "../violation.ts";
import type { QueueNames, RuleLedger } from "../world.ts";
import { isCancelled, problemOfAck } from "./ack-rules.ts";
import { checkChange } from "./change-rules.ts";
import type { Line } from "./lines.ts";
import type { JobPlan } from "./plan.ts";
import { replaces } from "./replaces.ts";
import {
  type ActiveRun,
  type JobCopy,
  type JobHeld,
  type TrackedJob,
  type TrackedRecord,
  trackRecord,
} from "./tracked-job.ts";
import type { AppliedChange } from "./watched-store.ts";

/** Time after a request of the store that has failed within which a process may count the store as down. */
const TROUBLE_MS = 30_000;
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
          letterGeneration: -1,
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

  get records(): Iterable<TrackedRecord> {
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

  stored(queue: string, outgoing: Outgoing, brokerId: string, held: readonly JobHeld[]): void {
    const id = idOf(outgoing.body);
    const job = this.ofBody(outgoing.body);
    if (job === undefined) return this.violate("phantom", `a message ${id} was sent that nobody has sent`);
    for (const one of held)
      if (replaces(this.queuesOf(one.copy.queue), queue, outgoing, one)) one.isReplaced = true;
    const generation = Number(outgoing.attributes["qp_redrive"] ?? 0);
    const record = this.record(job.namespace, id);
    job.id = id;
    const isFirst = held.length === 0;
    const isFromRecord = outgoing.attributes["qp_job"] !== undefined;
    if (isFirst && isFromRecord) {
      if (record.sent.has(generation)) this.reached("recorded: the message is sent a second time");
    }
    if (this.#copies.has(brokerId)) {
      if (this.#copies.get(brokerId)?.message !== job) job.isAbsorbed = true;
      if (isFirst && isFromRecord && generation > 0 && !record.sent.has(generation))
        this.violate("dedup", `${job.planned.key}: the broker drops its generation ${generation}`);
      return;
    }
    record.sent.add(generation);
    if (generation > 0 && isFirst && this.#dedups)
      this.reached("reopen: within the window of a broker that deduplicates");
    if (job.sent === "refused" && isFirst)
      this.violate("honest", `${job.planned.key} was reported as not sent, and is stored afterwards`);
    this.#copies.set(brokerId, { brokerId, queue, id, message: job, generation, split: false });
    if (queue === this.queuesOf(queue).deadLetters) this.#letter(job, brokerId);
  }

  get #dedups(): boolean {
    const { provider, isOrdered } = this.plan;
    return provider === "service-bus" || (isOrdered && provider !== "pubsub");
  }

  /** The queues that belong together, of which this is one. */
  queuesOf(queue: string): QueueNames {
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

  delivered(delivery: Delivery, process: string): JobHeld | undefined {
    const { brokerId, body } = delivery;
    let copy = this.#copies.get(brokerId);
    if (copy === undefined) {
      // The broker has moved it to the dead letters itself.
      const job = this.ofBody(body);
      if (job === undefined) return undefined;
      const generation = Number(delivery.attributes["qp_redrive"] ?? 0);
      copy = {
        brokerId,
        queue: this.#queues[job.send.queue]?.deadLetters ?? "",
        id: idOf(body),
        message: job,
        generation,
        split: false,
      };
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
    if (queue === this.queuesOf(queue).deadLetters) {
      if (kind !== "ack") return;
      message.letters.delete(copy.brokerId);
      if (!held.isReplaced) this.violate("unseen", `the dead letter of ${message.planned.key} was removed`);
    } else if (kind === "release") {
      // The broker counts the delivery all the same.
      if (held.run === undefined) this.excuse(copy);
    } else if (kind === "dead_letter") {
      this.#letter(message, copy.brokerId);
    } else if (kind === "ack") {
      const problem = held.isReplaced ? undefined : problemOfAck(this, held);
      if (problem !== undefined)
        this.violate("unseen", `${message.planned.key} was acknowledged, and ${problem}`);
    }
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
  troubled(process: string): void {
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
    const grant = [...record.grants.values()].find((one) => one.fence === fence);
    const started: ActiveRun = { ...run, grant, result: "running" };
    message.starts += 1;
    if (this.now < message.dueAt - EARLY_MS)
      this.violate("due", `${key} runs ${message.dueAt - this.now} ms before it is due`);
    if (message.sent === "refused") this.violate("honest", `${key} was reported as not sent, and runs`);
    if (grant !== undefined) {
      if (grant.process !== run.process)
        this.violate("owners", `${key} runs by the claim of another process`);
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

  /** Records that jobs were archived. */
  archived(namespace: string, found: readonly { readonly id: string }[]): void {
    for (const { id } of found) {
      const record = this.record(namespace, id);
      this.reached(
        record.isArchived ? "retention: jobs are archived twice" : "retention: jobs are archived and deleted",
      );
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
    if (change.kind === "end" && change.outcome !== "released")
      for (const records of this.#unrecorded.values()) records.delete(record);
  }
}
