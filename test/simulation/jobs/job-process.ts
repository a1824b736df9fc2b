import { sleep } from "../../../src/lib/clock.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { isQueueError } from "../../../src/errors.ts";
import { createJobs, type Jobs, type JobsWorker, type TrackedContext } from "../../../src/jobs/index.ts";
import type { Message } from "../../../src/message/message.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { type PlannedFault, type Step, times } from "../plan.ts";
import { Prng } from "../prng.ts";
import { failureOf, plannedRun } from "../process.ts";
import { ProcessDriver } from "../process-driver.ts";
import type { SimulatedProcess } from "../process-group.ts";
import { ProcessHost } from "../process-host.ts";
import { noteCrash } from "./crashes.ts";
import { NAMESPACES } from "./job-ledger.ts";
import type { JobWorld } from "./job-world.ts";
import { operate } from "./operate.ts";
import type { JobOrder } from "./plan.ts";
import { ProcessStore } from "./process-store.ts";
import { type Payload, repeatSend, sendJobs } from "./sends.ts";
import type { JobHeld, TrackedJob } from "./tracked-job.ts";

/** Limit for the steps of a run, which needs some thousands. */
const MAX_STEPS = 150_000;
/** Time limits of requests may end after the process that has made them. */
const TIMERS_MS = 10_000;
const HOUR = { hours: 1 };

export type JobHost = ProcessHost<JobHeld, JobWorld>;

/** One process that sends jobs and runs them, from its start to its drain or its crash. */
export class JobProcess implements SimulatedProcess<JobOrder> {
  readonly host: JobHost;
  readonly #world: JobWorld;
  readonly #driver: ProcessDriver;
  readonly #queue: Queue;
  readonly #jobs: Promise<Jobs>;
  readonly #sending = new Set<TrackedJob>();
  /** The orders of the process that have no answer. A process that is asked to stop first carries them out. */
  readonly #orders = new Set<Promise<void>>();
  #worker: JobsWorker | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(world: JobWorld, index: number, life: number, onDeath: (process: JobProcess) => void) {
    this.#world = world;
    this.host = new ProcessHost<JobHeld, JobWorld>(world, {
      index,
      life,
      maxSteps: MAX_STEPS,
      timersMs: TIMERS_MS,
      onFault: (fault, step, detail) => this.#struck(fault, step, detail),
      onDeath: () => {
        for (const job of this.#sending) if (job.sent === "pending") job.sent = "unknown";
        world.ledger.gone(this.host.name);
        onDeath(this);
      },
    });
    const random = new Prng(world.plan.seed + index * 7_919 + life * 104_729);
    this.#driver = new ProcessDriver(this.host);
    this.#queue = createQueue(this.#driver, {
      clock: this.host.clock,
      random: random.next,
      backoff: times.backoff,
    });
    this.#jobs = this.#start();
    this.#jobs.catch(() => undefined);
  }

  get running(): number {
    return this.host.state === "working" ? (this.#worker?.health().running ?? 0) : 0;
  }

  get #isStaging(): boolean {
    const { plan } = this.#world;
    return plan.hasStaging && this.host.index === plan.processes.length - 1;
  }

  get #namespace(): string {
    return NAMESPACES[this.#isStaging ? 1 : 0];
  }

  async #start(): Promise<Jobs> {
    const { host } = this;
    const { plan, ledger, records } = this.#world;
    const jobs = await createJobs(this.#queue, {
      store: new ProcessStore(host, records.of(host.name)).store,
      namespace: this.#namespace,
      definitions: DEFINITIONS,
      retention: { completed: HOUR, failed: HOUR, cancelled: HOUR },
      archive: async (found) => {
        host.reach({ step: "archive", side: "before", entries: found.length }, "");
        if (host.isDead) return host.halt();
        ledger.archived(this.#namespace, found);
        host.reach({ step: "archive", side: "after", entries: found.length }, "");
        if (host.isDead) return host.halt();
      },
      onWarning: (code, text) => {
        if (!host.isDead) this.#world.note(host.name, `warns: ${code}: ${text.slice(0, 150)}`);
        if (!host.isDead && (code === "internal" || code === "change_refused" || code === "alongside"))
          ledger.violate("internal", text);
      },
    });
    const { concurrency, leaseMs } = plan;
    const { timeoutMs, graceMs, hardLimitMs, drainMs } = times;
    const worker = jobs.worker({ concurrency, leaseMs, timeoutMs, graceMs, hardLimitMs, drainMs });
    for (const definition of DEFINITIONS)
      worker.register<Payload>(definition.type, (message, context) => this.#handle(message, context));
    worker.on("warning", ({ code, message }) => {
      if (!host.isDead && (code === "internal" || code === "listener")) ledger.violate("internal", message);
    });
    // A worker without a listener of them prints the first one, in each of many thousand runs.
    for (const event of [
      "poll_failed",
      "settle_failed",
      "lease_lost",
      "failed",
      "dead_lettered",
      "stuck",
    ] as const)
      worker.on(event, () => {});
    worker.on("released", ({ job }) => {
      if (!host.isDead && job.type === "waits" && ledger.isTroubled(host.name))
        ledger.reached("store: a job waits for the store");
    });
    this.#worker = worker;
    const queues = this.#world.queues.map(({ main }) => main);
    this.#ended = worker
      .run(this.#isStaging ? queues.slice(-1) : plan.hasStaging ? queues.slice(0, -1) : queues)
      .catch((error: unknown) => {
        if (host.isDead || isQueueError(error, "drain_incomplete")) return;
        ledger.violate("worker", `the worker of ${host.name} ended on its own: ${String(error)}`);
      });
    return jobs;
  }

  accepts(order: JobOrder): boolean {
    const { ledger } = this.#world;
    if (order.kind === "send") return NAMESPACES[order.queue === 2 ? 1 : 0] === this.#namespace;
    const job = ledger.jobs.get(order.key);
    return job === undefined || job.namespace === this.#namespace;
  }

  async send(order: JobOrder): Promise<void> {
    const carrying = this.#carryOut(order).finally(() => this.#orders.delete(carrying));
    this.#orders.add(carrying);
    return carrying;
  }

  async #carryOut(order: JobOrder): Promise<void> {
    const jobs = await this.#jobs;
    const parts = { host: this.host, jobs, queue: this.#queue, sending: this.#sending };
    if (order.kind === "send") return sendJobs(parts, order);
    if (order.kind === "repeat") return repeatSend(parts, order);
    return operate({ host: this.host, jobs, queue: this.#queue, driver: this.#driver }, order);
  }

  /** Ends the records that are left when nothing happens any more. */
  async close(assume: "lost"): Promise<void> {
    const jobs = await this.#jobs;
    await jobs.reconcile({ assume });
  }

  async #handle(
    { id, trace, payload }: Message<Payload>,
    context: TrackedContext,
  ): Promise<{ readonly key: string }> {
    const { host } = this;
    const { ledger } = this.#world;
    const { key, isOther } = payload;
    const { signal, isTracked, attempt } = context;
    host.reach({ step: "handler", side: "before", entries: 1 }, key);
    if (host.isDead) return host.halt();
    const job = ledger.of(key);
    const held = host.held(id).find(({ tag }) => tag === trace?.traceparent);
    if (held === undefined) {
      ledger.violate("owners", `${key} runs on ${host.name}, which has no delivery of it`);
      return { key };
    }
    if (isOther === true) ledger.violate("conflict", `${key} runs with the payload of another message`);
    const planned = plannedRun(job.planned, job.starts);
    const how = isTracked ? "" : ", without a claim";
    this.#world.note(
      host.name,
      `run ${key}, attempt ${attempt}${how}: ${planned.outcome} in ${planned.ms} ms`,
    );
    const run = ledger.started(
      { process: host.name, held, signal },
      isTracked ? context.fence : undefined,
      isTracked ? context.saved : undefined,
    );
    if (host.frozen !== undefined) await host.frozen;
    const save = async (): Promise<void> => {
      const place = job.saved + 1;
      await context.save(place).catch(() => undefined);
      // Without trouble, the store has it.
      if (!host.isDead && isTracked && !ledger.isTroubled(host.name) && !signal.aborted)
        job.saved = Math.max(job.saved, place);
    };
    const isStubborn = planned.outcome === "stubborn";
    if (job.planned.saves) {
      await sleep(host.handlers, planned.ms / 2, isStubborn ? undefined : signal);
      if (host.isDead) return host.halt();
      await save();
    }
    if (host.isDead) return host.halt();
    await sleep(
      host.handlers,
      job.planned.saves ? planned.ms / 2 : planned.ms,
      isStubborn ? undefined : signal,
    );
    if (host.isDead) return host.halt();
    host.reach({ step: "handler", side: "after", entries: 1 }, key);
    if (host.isDead) return host.halt();
    if (host.frozen !== undefined) await host.frozen;
    if (host.isDead) return host.halt();
    const failure = failureOf(planned, signal);
    ledger.ended(run, failure === undefined);
    this.#world.note(
      host.name,
      `run ${key} ${failure === undefined ? "returns" : `throws ${String(failure)}`}`,
    );
    if (failure !== undefined) throw failure;
    return { key };
  }

  stop(): Promise<void> {
    return this.host.drain(async () => {
      const jobs = await this.#jobs;
      await Promise.all(this.#orders);
      await jobs.close();
      await this.#ended;
      await this.#queue.close();
      if (!this.host.isDead) this.#world.ledger.gone(this.host.name);
    });
  }

  cleanUp(): Promise<void> {
    return this.host.cleanUp(async () => {
      const jobs = await this.#jobs;
      await jobs.close();
      await this.#queue.close();
    });
  }

  /** Records what a fault has hit. */
  #struck({ kind, side }: PlannedFault, step: Step, detail: string): void {
    const { ledger } = this.#world;
    const isCrash = kind === "crash";
    if (step === "send first" && side === "before" && (isCrash || kind === "freeze")) {
      const [, ...ids] = detail.split(" ");
      if (isCrash && [...this.#sending].some(({ send, sent }) => send.way === "plain" && sent === "pending"))
        ledger.reached("plain: the sender dies before the broker has the message");
      if (ids.some((id) => ledger.record(this.#namespace, id).isStoreBorn))
        ledger.reached(
          isCrash
            ? "recorded: the dispatcher dies before it has sent"
            : "recorded: the dispatcher stands still before it sends",
        );
    }
    if (step === "send first" && side === "after" && isCrash) {
      const [, ...ids] = detail.split(" ");
      const isRecorded = ids.some((id) => ledger.record(this.#namespace, id).isStoreBorn);
      ledger.reached(
        isRecorded
          ? "recorded: the dispatcher dies before it has confirmed"
          : "plain: the sender dies before the record",
      );
    }
    if (isCrash) noteCrash(ledger, this.host.name, this.host.allHeld());
  }
}

const DEFINITIONS = [{ type: "runs" }, { type: "waits", whenStoreIsDown: "wait" }] as const;
