import type { Violation } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import { Process } from "./process.ts";
import { World } from "./world.ts";

/** What came of one run. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** How many faults of each kind happened. */
  readonly faults: ReadonlyMap<string, number>;
  /** How often each point was crashed at. */
  readonly crashedAt: ReadonlyMap<string, number>;
  readonly virtualMs: number;
  readonly trace: readonly string[];
}

/** Of a run, at least so many faults have to happen. */
const LEAST_FAULTS = 5;
/** Whatever goes wrong, everything has to be at rest by then. */
const PATIENCE_MS = 4 * 3_600_000;
const RESPAWN_MS = 3_000;

/** Carries a plan out, and checks every rule. The same plan always comes to the same. */
export async function runPlan(plan: Plan, traced: boolean = false): Promise<Outcome> {
  const world = await World.open(plan, traced);
  const { ledger } = world;
  const onRejection = (reason: unknown): void =>
    ledger.violate("unhandled", `a rejection that nobody handled: ${String(reason)}`);
  process.on("unhandledRejection", onRejection);
  const crew = new Crew(world);
  try {
    crew.begin();
    await untilRest(world, crew);
    world.faults.disarm();
    await crew.stop();
    if (ledger.violations.length === 0) ledger.checkEnd();
    const virtualMs = world.elapsed;
    world.end();
    if (world.clock.pending > 0 && ledger.violations.length === 0)
      ledger.violate("timers", `everything is closed, and ${world.clock.pending} timers run`);
    await world.driver.close();
    await crew.bury();
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

/** The processes of a run: those that live, and those that have to be buried. */
class Crew {
  readonly #world: World;
  readonly #living: (Process | undefined)[] = [];
  readonly #lives: number[] = [];
  readonly #dead: Process[] = [];
  #unsent = 0;
  #restarts = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether all is sent and answered, and nobody is on the way to start. */
  get isComplete(): boolean {
    return this.#unsent === 0 && this.#restarts === 0 && this.#living.every((one) => one !== undefined);
  }

  /** What keeps it from being complete. */
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

  /** Drains all that live. */
  async stop(): Promise<void> {
    let stopped = false;
    const stopping = Promise.all(this.#living.map((one) => one?.stop() ?? Promise.resolve())).then(() => {
      stopped = true;
    });
    for (;;) {
      await this.#world.clock.settle();
      if (stopped) break;
      if (!(await this.#world.clock.advanceToNext())) {
        this.#world.ledger.violate("drain", "a drain waits for nothing that could come");
        return;
      }
    }
    await stopping;
  }

  async bury(): Promise<void> {
    for (const one of this.#dead) await one.bury();
  }

  /** A message whose sender is not there is sent by the next that is. */
  #send(message: Parameters<Process["send"]>[0]): void {
    const sender =
      this.#living[message.by]?.state === "working"
        ? this.#living[message.by]
        : this.#living.find((one) => one?.state === "working");
    if (sender === undefined) {
      this.#world.later(1_000, () => this.#send(message));
      return;
    }
    // One that dies on the way never answers.
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

async function untilRest(world: World, crew: Crew): Promise<void> {
  const { ledger, faults } = world;
  for (;;) {
    await world.clock.settle();
    ledger.checkOwners();
    if (ledger.violations.length > 0) return;
    if (crew.isComplete && ledger.open === 0 && ledger.running.size === 0) {
      const skewed = world.plan.processes.some(({ skewMs }) => skewMs !== 0) ? 1 : 0;
      if (faults.total + skewed >= Math.min(LEAST_FAULTS, world.plan.faults.length)) break;
      faults.idle();
    }
    if (world.elapsed > PATIENCE_MS) {
      const left = `${ledger.open} messages, ${ledger.running.size} handlers, ${crew.left}`;
      ledger.violate("rest", `after ${PATIENCE_MS} ms there are left: ${left}`);
      return;
    }
    if (!(await world.clock.advanceToNext())) {
      ledger.violate("rest", "nothing goes on, and not everything is done");
      return;
    }
  }
  if (crew.running > 0) ledger.violate("rest", `${crew.running} handlers count as running, and none does`);
}
