import { sleep } from "../../src/lib/clock.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { isQueueError, PermanentError, RetryAfterError } from "../../src/errors.ts";
import type { JobInfo } from "../../src/diagnostics.ts";
import type { Message } from "../../src/message/message.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { JobContext } from "../../src/worker/types.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { Ledger } from "./ledger.ts";
import { type Plan, type PlannedMessage, type PlannedRun, times } from "./plan.ts";
import { Prng } from "./prng.ts";
import { ProcessDriver } from "./process-driver.ts";
import type { SimulatedProcess } from "./process-group.ts";
import { ProcessHost } from "./process-host.ts";
import type { Held } from "./tracked.ts";
import type { World } from "./world.ts";

/** Limit for the steps of a run, which needs about a thousand. */
const MAX_STEPS = 20_000;

/** The parts that all processes of a run of the queue share. */
export type QueueWorld = World<Plan, Ledger>;

/** One process that sends and receives, from its start to its drain or its crash. */
export class Process implements SimulatedProcess<PlannedMessage> {
  readonly host: ProcessHost<Held, QueueWorld>;
  readonly #world: QueueWorld;
  readonly #queueName: string;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #sending = new Set<PlannedMessage>();

  constructor(world: QueueWorld, index: number, life: number, onDeath: (process: Process) => void) {
    const { types } = world.plan.processes[index] ?? { types: [] };
    this.#world = world;
    this.#queueName = world.queues[0]?.main ?? "";
    this.host = new ProcessHost<Held, QueueWorld>(world, {
      index,
      life,
      maxSteps: MAX_STEPS,
      onDeath: () => {
        this.#died();
        onDeath(this);
      },
    });
    const random = new Prng(world.plan.seed + index * 7_919 + life * 104_729);
    this.#queue = createQueue(new ProcessDriver(this.host), {
      clock: this.host.clock,
      random: random.next,
      backoff: times.backoff,
    });
    this.#worker = this.#makeWorker(types);
    this.#ended = this.#worker.run(this.#queueName).catch((error: unknown) => {
      if (this.host.isDead || isQueueError(error, "drain_incomplete")) return;
      world.ledger.violate("worker", `the worker of ${this.host.name} ended on its own: ${String(error)}`);
    });
  }

  /** Number of handlers that the worker counts as running. 0 after the process has stopped working. */
  get running(): number {
    return this.host.state === "working" ? this.#worker.health().running : 0;
  }

  async send(planned: PlannedMessage): Promise<void> {
    const { ledger } = this.#world;
    const tracked = ledger.of(planned.id);
    const { id, type, delayMs, maxAttempts } = planned;
    tracked.sent = "pending";
    tracked.dueAt = this.#world.now() + delayMs;
    this.#sending.add(planned);
    try {
      await this.#queue.send(this.#queueName, { id, type, payload: null, maxAttempts }, { delay: delayMs });
      tracked.sent = "accepted";
    } catch (error) {
      if (!this.host.isDead) tracked.sent = isQueueError(error, "send_unknown") ? "unknown" : "refused";
    }
    this.#sending.delete(planned);
    if (!this.host.isDead) this.#world.note(this.host.name, `send ${id} (delay ${delayMs}): ${tracked.sent}`);
  }

  accepts(): boolean {
    return true;
  }

  /** Drains and closes, as a process does after SIGTERM. */
  stop(): Promise<void> {
    return this.host.drain(async () => {
      await this.#worker.stop();
      await this.#ended;
      await this.#queue.close();
    });
  }

  cleanUp(): Promise<void> {
    return this.host.cleanUp(() => this.#worker.stop().then(() => this.#queue.close()));
  }

  #died(): void {
    const { ledger } = this.#world;
    for (const { id } of this.#sending) ledger.of(id).sent = "unknown";
    for (const held of this.host.allHeld()) ledger.excuse(held.copy, held.started || held.mayAck ? 1 : 0);
    for (const run of ledger.running) if (run.process === this.host.name) ledger.running.delete(run);
  }

  #makeWorker(types: readonly string[]): Worker {
    const { plan, ledger } = this.#world;
    const worker = new Worker(this.#queue, {
      concurrency: plan.concurrency,
      leaseMs: plan.leaseMs,
      timeoutMs: times.timeoutMs,
      graceMs: times.graceMs,
      hardLimitMs: times.hardLimitMs,
      drainMs: times.drainMs,
      unknownTypeMaxAgeMs: plan.unknownTypeMaxAgeMs,
    });
    for (const type of types) worker.register(type, (message, context) => this.#handle(message, context));
    const heldBy = ({ id, attempt }: JobInfo): Held | undefined => {
      const started = this.host.held(id).filter((held) => held.started && held.attempt === attempt);
      // With two copies at the same attempt, the event does not show which one it is about.
      if (started.length > 1) for (const { copy } of started) copy.confused = true;
      return this.host.isDead ? undefined : started.at(-1);
    };
    worker.on("completed", ({ job }) => {
      if (!this.host.isDead) ledger.of(job.id).completed += 1;
    });
    worker.on("failed", ({ job }) => {
      if (!this.host.isDead) ledger.of(job.id).failures += 1;
    });
    worker.on("retrying", ({ job, delayMs }) => {
      const held = heldBy(job);
      if (held !== undefined) ledger.mustRunAgain(held, delayMs);
    });
    worker.on("released", ({ job }) => {
      const held = heldBy(job);
      if (held !== undefined) ledger.released(held);
    });
    worker.on("warning", ({ code, message }) => {
      if (!this.host.isDead && (code === "internal" || code === "listener"))
        ledger.violate("internal", message);
    });
    // A worker without a listener of them prints the first one, in each of many thousand runs.
    for (const event of ["poll_failed", "settle_failed", "lease_lost"] as const) worker.on(event, () => {});
    return worker;
  }

  async #handle({ id, trace }: Message, { attempt, signal }: JobContext): Promise<void> {
    const world = this.#world;
    const { ledger } = world;
    this.host.reach({ step: "handler", side: "before", entries: 1 }, id);
    if (this.host.isDead) return this.host.halt();
    const tracked = ledger.of(id);
    const held = this.host.held(id).find(({ tag }) => tag === trace?.traceparent);
    if (held === undefined)
      return ledger.violate("owners", `${id} runs on ${this.host.name}, which has no delivery of it`);
    const planned = plannedRun(tracked.planned, tracked.starts);
    world.note(this.host.name, `run ${id}, attempt ${attempt}: ${planned.outcome} in ${planned.ms} ms`);
    const run = ledger.started(this.host.name, held, signal);
    await sleep(this.host.handlers, planned.ms, planned.outcome === "stubborn" ? undefined : signal);
    if (this.host.isDead) return this.host.halt();
    this.host.reach({ step: "handler", side: "after", entries: 1 }, id);
    if (this.host.isDead) return this.host.halt();
    ledger.running.delete(run);
    const failure = failureOf(planned, signal);
    if (failure !== undefined) held.copy.failedAt = Math.max(held.copy.failedAt, attempt);
    held.mayAck ||= failure === undefined;
    if (failure !== undefined) throw failure;
  }
}

export function plannedRun({ runs }: Pick<PlannedMessage, "runs">, index: number): PlannedRun {
  return runs[Math.min(index, runs.length - 1)] as PlannedRun;
}

export function failureOf({ outcome, retryAfterMs }: PlannedRun, signal: AbortSignal): Error | undefined {
  if (outcome === "stubborn") return undefined;
  if (signal.aborted) return signal.reason as Error;
  if (outcome === "throw") return new Error("it did not work");
  if (outcome === "permanent") return new PermanentError("it never will");
  if (outcome === "retry_after") return new RetryAfterError(retryAfterMs);
  return undefined;
}
