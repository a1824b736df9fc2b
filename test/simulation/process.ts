import { sleep } from "../../src/lib/clock.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { isQueueError, PermanentError, RetryAfterError } from "../../src/errors.ts";
import type { JobInfo } from "../../src/diagnostics.ts";
import type { Message } from "../../src/message/message.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { JobContext } from "../../src/worker/types.ts";
import { Worker } from "../../src/worker/worker.ts";
import type { FaultPoint } from "./faults.ts";
import { type PlannedFault, type PlannedMessage, type PlannedRun, times } from "./plan.ts";
import { Prng } from "./prng.ts";
import { ProcessClock } from "./process-clock.ts";
import type { Held } from "./tracked.ts";
import type { DriverHost } from "./driver-host.ts";
import { ProcessDriver } from "./process-driver.ts";
import type { World } from "./world.ts";

/** Limit for the steps of a run, which needs about a thousand. */
const MAX_STEPS = 20_000;

/** One process that sends and receives, from its start to its drain or its crash. */
export class Process implements DriverHost {
  readonly name: string;
  readonly index: number;
  readonly world: World;
  skewMs: number;
  mutedUntil = 0;
  state: "working" | "draining" | "stopped" | "dead" = "working";
  readonly #clock: ProcessClock;
  /** The clock of the handlers. It is separate, because a handler that ignores its signal outlives the drain. */
  readonly #handlers: ProcessClock;
  readonly #queue: Queue;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #death = new AbortController();
  readonly #halted = Promise.withResolvers<never>();
  readonly #held = new Map<string, Held[]>();
  readonly #sending = new Set<PlannedMessage>();
  readonly #onDeath: (process: Process) => void;
  readonly #clockListeners: ((byMs: number) => void)[] = [];

  constructor(world: World, index: number, life: number, onDeath: (process: Process) => void) {
    const planned = world.plan.processes[index] ?? { skewMs: 0, types: [] };
    const { types, clockSet } = planned;
    const isSet = clockSet !== undefined && clockSet.at <= world.elapsed;
    const skewMs = planned.skewMs + (isSet ? clockSet.byMs : 0);
    this.name = `p${index}.${life}`;
    this.index = index;
    this.world = world;
    this.skewMs = skewMs;
    this.#onDeath = onDeath;
    this.#clock = new ProcessClock(world.clock, skewMs);
    this.#handlers = new ProcessClock(world.clock, skewMs);
    this.#halted.promise.catch(() => undefined);
    const random = new Prng(world.plan.seed + index * 7_919 + life * 104_729);
    this.#queue = createQueue(new ProcessDriver(this), {
      clock: this.#clock,
      random: random.next,
      backoff: times.backoff,
    });
    this.#worker = this.#makeWorker(types);
    if (clockSet !== undefined && !isSet)
      world.later(clockSet.at - world.elapsed, () => this.#setClock(clockSet.byMs));
    world.note(this.name, `starts, its clock off by ${skewMs} ms`);
    this.#ended = this.#worker.run(world.names.main).catch((error: unknown) => {
      if (this.isDead || isQueueError(error, "drain_incomplete")) return;
      world.ledger.violate("worker", `the worker of ${this.name} ended on its own: ${String(error)}`);
    });
  }

  onClockSet(listener: (byMs: number) => void): void {
    this.#clockListeners.push(listener);
  }

  #setClock(byMs: number): void {
    if (this.isDead) return;
    this.world.faults.count("clock set");
    this.world.note(this.name, `its clock is set by ${byMs} ms`);
    this.skewMs += byMs;
    this.#clock.set(byMs);
    this.#handlers.set(byMs);
    for (const listener of this.#clockListeners) listener(byMs);
  }

  get dead(): AbortSignal {
    return this.#death.signal;
  }

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  /** Number of handlers that the worker counts as running. 0 after the process has stopped working. */
  get running(): number {
    return this.state === "working" ? this.#worker.health().running : 0;
  }

  async send(planned: PlannedMessage): Promise<void> {
    const { ledger, names } = this.world;
    const tracked = ledger.of(planned.id);
    const { id, type, delayMs, maxAttempts } = planned;
    tracked.sent = "pending";
    tracked.dueAt = this.world.now() + delayMs;
    this.#sending.add(planned);
    try {
      await this.#queue.send(names.main, { id, type, payload: null, maxAttempts }, { delay: delayMs });
      tracked.sent = "accepted";
    } catch (error) {
      if (!this.isDead) tracked.sent = isQueueError(error, "send_unknown") ? "unknown" : "refused";
    }
    this.#sending.delete(planned);
    if (!this.isDead) this.world.note(this.name, `send ${id} (delay ${delayMs}): ${tracked.sent}`);
  }

  reach(point: Omit<FaultPoint, "draining">, detail: string): PlannedFault | undefined {
    const { world } = this;
    world.steps += 1;
    if (world.steps === MAX_STEPS)
      world.ledger.violate("busy", `${MAX_STEPS} steps without an end: the run seems to loop`);
    const fault = world.faults.take({ ...point, draining: this.state === "draining" }, world.elapsed);
    if (world.trace !== undefined && (point.side === "after" || fault !== undefined))
      world.note(this.name, `${point.step} ${detail}${fault === undefined ? "" : ` !! ${fault.kind}`}`);
    if (fault?.kind === "crash") this.#die(`${point.step}, ${point.side}, ${this.state}`);
    if (fault?.kind === "mute") this.mutedUntil = world.now() + 2 * world.plan.leaseMs;
    return fault;
  }

  halt<T>(): Promise<T> {
    return this.#halted.promise;
  }

  held(id: string): readonly Held[] {
    return this.#held.get(id) ?? [];
  }

  hold(held: Held): void {
    const { id } = held.copy.message.planned;
    this.#held.set(id, [...this.held(id), held]);
  }

  drop(held: Held): void {
    const { id } = held.copy.message.planned;
    const rest = this.held(id).filter((one) => one !== held);
    if (rest.length === 0) this.#held.delete(id);
    else this.#held.set(id, rest);
  }

  /** Drains and closes, as a process does after SIGTERM. */
  async stop(): Promise<void> {
    if (this.state !== "working") return;
    this.state = "draining";
    this.world.note(this.name, "drains");
    await this.#worker.stop();
    await this.#ended;
    await this.#queue.close();
    // The answer of an extension that nothing awaits may still arrive.
    await sleep(this.world.clock, 2 * this.world.plan.latencyMs);
    if (this.isDead) return;
    this.state = "stopped";
    this.world.note(this.name, "has drained");
    if (this.#clock.pending > 0)
      this.world.ledger.violate(
        "timers",
        `${this.name} has closed, and ${this.#clock.pending} of its timers are pending`,
      );
  }

  /** Lets the timers and promises of a dead process end, so that none is left after the run. Nothing observes them. */
  async cleanUp(): Promise<void> {
    const clock = this.#clock.thaw();
    const handlers = this.#handlers.thaw();
    this.#halted.reject(new Error("this process is dead"));
    let done = false;
    const ending = this.#worker
      .stop()
      .then(() => this.#queue.close())
      .catch(() => undefined)
      .then(() => {
        done = true;
      });
    for (;;) {
      await clock.settle();
      if (done || !((await handlers.advanceToNext()) || (await clock.advanceToNext()))) break;
    }
    await ending;
  }

  #die(point: string): void {
    const { world } = this;
    world.note(this.name, `CRASHES at ${point}`);
    world.crashedAt.set(point, (world.crashedAt.get(point) ?? 0) + 1);
    this.state = "dead";
    for (const { id } of this.#sending) world.ledger.of(id).sent = "unknown";
    this.#death.abort(new Error("this process is dead"));
    this.#clock.freeze();
    this.#handlers.freeze();
    for (const held of [...this.#held.values()].flat())
      world.ledger.excuse(held.copy, held.started || held.mayAck ? 1 : 0);
    for (const run of world.ledger.running) if (run.process === this.name) world.ledger.running.delete(run);
    this.#onDeath(this);
  }

  #makeWorker(types: readonly string[]): Worker {
    const { plan, ledger } = this.world;
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
      const started = this.held(id).filter((held) => held.started && held.attempt === attempt);
      // With two copies at the same attempt, the event does not show which one it is about.
      if (started.length > 1) for (const { copy } of started) copy.confused = true;
      return this.isDead ? undefined : started.at(-1);
    };
    worker.on("completed", ({ job }) => {
      if (!this.isDead) ledger.of(job.id).completed += 1;
    });
    worker.on("failed", ({ job }) => {
      if (!this.isDead) ledger.of(job.id).failures += 1;
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
      if (!this.isDead && (code === "internal" || code === "listener")) ledger.violate("internal", message);
    });
    // A worker without a listener of them prints the first one, in each of many thousand runs.
    for (const event of ["poll_failed", "settle_failed", "lease_lost"] as const) worker.on(event, () => {});
    return worker;
  }

  async #handle({ id, trace }: Message, { attempt, signal }: JobContext): Promise<void> {
    const { world } = this;
    const { ledger } = world;
    this.reach({ step: "handler", side: "before", entries: 1 }, id);
    if (this.isDead) return this.halt();
    const tracked = ledger.of(id);
    const held = this.held(id).find(({ tag }) => tag === trace?.traceparent);
    if (held === undefined)
      return ledger.violate("owners", `${id} runs on ${this.name}, which has no delivery of it`);
    const planned = plannedRun(tracked.planned, tracked.starts);
    world.note(this.name, `run ${id}, attempt ${attempt}: ${planned.outcome} in ${planned.ms} ms`);
    const run = ledger.started(this.name, held, signal);
    await sleep(this.#handlers, planned.ms, planned.outcome === "stubborn" ? undefined : signal);
    if (this.isDead) return this.halt();
    this.reach({ step: "handler", side: "after", entries: 1 }, id);
    if (this.isDead) return this.halt();
    ledger.running.delete(run);
    const failure = failureOf(planned, signal);
    if (failure !== undefined) held.copy.failedAt = Math.max(held.copy.failedAt, attempt);
    held.mayAck ||= failure === undefined;
    if (failure !== undefined) throw failure;
  }
}

function plannedRun({ runs }: PlannedMessage, index: number): PlannedRun {
  return runs[Math.min(index, runs.length - 1)] as PlannedRun;
}

function failureOf({ outcome, retryAfterMs }: PlannedRun, signal: AbortSignal): Error | undefined {
  if (outcome === "stubborn") return undefined;
  if (signal.aborted) return signal.reason as Error;
  if (outcome === "throw") return new Error("it did not work");
  if (outcome === "permanent") return new PermanentError("it never will");
  if (outcome === "retry_after") return new RetryAfterError(retryAfterMs);
  return undefined;
}
