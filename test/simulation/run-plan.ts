import type { Violation } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import { Process } from "./process.ts";
import { World } from "./world.ts";

/** The result of one run. */
export interface RunResult {
  readonly violations: readonly Violation[];
  /** Number of faults that happened, by kind. */
  readonly faults: ReadonlyMap<string, number>;
  /** Number of crashes, by point. */
  readonly crashedAt: ReadonlyMap<string, number>;
  readonly virtualMs: number;
  readonly trace: readonly string[];
}

/** Number of faults that must happen in each run. */
const MIN_FAULTS = 5;
/** Virtual time after which everything must be done, whatever faults happen. */
const MAX_VIRTUAL_MS = 4 * 3_600_000;
const RESPAWN_MS = 3_000;

/** Executes a plan, and checks every rule. The same plan always has the same result. */
export async function runPlan(plan: Plan, traced: boolean = false): Promise<RunResult> {
  const world = await World.open(plan, traced);
  const { ledger } = world;
  const onRejection = (reason: unknown): void =>
    ledger.violate("unhandled", `an unhandled rejection: ${String(reason)}`);
  process.on("unhandledRejection", onRejection);
  const group = new ProcessGroup(world);
  try {
    group.begin();
    await untilRest(world, group);
    world.faults.disarm();
    await group.stop();
    if (ledger.violations.length === 0) ledger.checkEnd();
    const virtualMs = world.elapsed;
    world.end();
    if (world.clock.pending > 0 && ledger.violations.length === 0)
      ledger.violate("timers", `everything is closed, and ${world.clock.pending} timers are pending`);
    await world.driver.close();
    await group.cleanUp();
    const { happened } = world.faults;
    if (plan.processes.some(({ skewMs }) => skewMs !== 0)) world.faults.count("skew");
    return {
      violations: ledger.violations,
      faults: happened,
      crashedAt: world.crashedAt,
      virtualMs,
      trace: world.trace ?? [],
    };
  } finally {
    process.off("unhandledRejection", onRejection);
  }
}

/** The processes of a run: the live ones, and the dead ones that must be cleaned up. */
class ProcessGroup {
  readonly #world: World;
  readonly #living: (Process | undefined)[] = [];
  readonly #lives: number[] = [];
  readonly #dead: Process[] = [];
  #unsent = 0;
  #restarts = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether every send is answered, every restart is done, and every process is running. */
  get isComplete(): boolean {
    return this.#unsent === 0 && this.#restarts === 0 && this.#living.every((one) => one !== undefined);
  }

  /** The unfinished sends, restarts and starts, for the text of a violation. */
  get left(): string {
    const missing = this.#living.filter((one) => one === undefined).length;
    return `${this.#unsent} sends, ${this.#restarts} restarts, ${missing} processes to come`;
  }

  get running(): number {
    return this.#living.reduce((sum, one) => sum + (one?.running ?? 0), 0);
  }

  begin(): void {
    const { plan } = this.#world;
    for (const index of plan.processes.keys()) this.#spawn(index);
    for (const message of plan.messages) {
      this.#unsent += 1;
      this.#world.later(message.at, () => this.#send(message));
    }
    for (const { at, process: index } of plan.restarts) {
      this.#restarts += 1;
      this.#world.later(at, () => void this.#restart(index));
    }
  }

  /** Drains all live processes. */
  async stop(): Promise<void> {
    let stopped = false;
    const stopping = Promise.all(this.#living.map((one) => one?.stop() ?? Promise.resolve())).then(() => {
      stopped = true;
    });
    for (;;) {
      await this.#world.clock.settle();
      if (stopped) break;
      if (!(await this.#world.clock.advanceToNext())) {
        this.#world.ledger.violate("drain", "a drain waits for an event that cannot happen");
        return;
      }
    }
    await stopping;
  }

  async cleanUp(): Promise<void> {
    for (const one of this.#dead) await one.cleanUp();
  }

  /** Sends a message. If its process is not running, another process sends it. */
  #send(message: Parameters<Process["send"]>[0]): void {
    const sender =
      this.#living[message.by]?.state === "working"
        ? this.#living[message.by]
        : this.#living.find((one) => one?.state === "working");
    if (sender === undefined) {
      this.#world.later(1_000, () => this.#send(message));
      return;
    }
    // A process that dies during the send never answers.
    const died = new Promise<void>((resolve) => {
      sender.dead.addEventListener("abort", () => resolve(), { once: true });
    });
    void Promise.race([sender.send(message), died]).finally(() => {
      this.#unsent -= 1;
    });
  }

  #spawn(index: number): void {
    const life = this.#lives[index] ?? 0;
    this.#lives[index] = life + 1;
    this.#living[index] = new Process(this.#world, index, life, (died) => this.#died(died));
  }

  #died(died: Process): void {
    this.#dead.push(died);
    if (this.#living[died.index] !== died) return;
    this.#living[died.index] = undefined;
    this.#world.later(this.#world.random.int(1, RESPAWN_MS), () => this.#spawn(died.index));
  }

  async #restart(index: number): Promise<void> {
    const old = this.#living[index];
    if (old?.state === "working") {
      const died = new Promise<void>((resolve) => {
        old.dead.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([old.stop(), died]);
      if (!old.isDead) this.#spawn(index);
    }
    this.#restarts -= 1;
  }
}

async function untilRest(world: World, group: ProcessGroup): Promise<void> {
  const { ledger, faults } = world;
  for (;;) {
    await world.clock.settle();
    ledger.checkOwners();
    if (ledger.violations.length > 0) return;
    if (group.isComplete && ledger.open === 0 && ledger.running.size === 0) {
      const skewed = world.plan.processes.some(({ skewMs }) => skewMs !== 0) ? 1 : 0;
      if (faults.total + skewed >= Math.min(MIN_FAULTS, world.plan.faults.length)) break;
      faults.idle();
    }
    if (world.elapsed > MAX_VIRTUAL_MS) {
      const left = `${ledger.open} messages, ${ledger.running.size} handlers, ${group.left}`;
      ledger.violate("rest", `not done after ${MAX_VIRTUAL_MS} ms: ${left}`);
      return;
    }
    if (!(await world.clock.advanceToNext())) {
      ledger.violate("rest", "no timer is left, and not everything is done");
      return;
    }
  }
  if (group.running > 0) ledger.violate("rest", `${group.running} handlers count as running, and none is`);
}
