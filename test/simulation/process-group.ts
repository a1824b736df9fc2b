import type { WorldPlan } from "./plan.ts";
import type { ProcessHost } from "./process-host.ts";
import type { BrokerHeld } from "./driver-host.ts";
import type { RuleLedger, World } from "./world.ts";

const RESPAWN_MS = 3_000;

type AnyWorld = World<WorldPlan, RuleLedger>;

/** One process of a simulation, and what it can be asked to do. */
export interface SimulatedProcess<Request> {
  readonly host: Pick<ProcessHost<BrokerHeld, AnyWorld>, "name" | "index" | "state" | "isDead" | "dead">;
  /** Number of handlers that its worker counts as running. 0 after the process has stopped working. */
  readonly running: number;
  /** Whether the order is one that this process can carry out. */
  accepts(order: Order): boolean;
  /** Carries out an order. Never settles if the process dies meanwhile. */
  send(order: Request): Promise<void>;
  /** Drains and closes, as a process does after SIGTERM. */
  stop(): Promise<void>;
  /** Lets the timers and promises of a dead process end. */
  cleanUp(): Promise<void>;
}

/** Something that a process is to do. */
export interface Order {
  /** Milliseconds from the beginning. */
  readonly at: number;
  /** Index of the process. */
  readonly by: number;
}

/** The processes of a run: the live ones, and the dead ones that must be cleaned up. */
export class ProcessGroup<O extends Order, P extends SimulatedProcess<O>> {
  readonly #world: AnyWorld;
  readonly #start: (index: number, life: number, onDeath: (process: P) => void) => P;
  readonly #living: (P | undefined)[] = [];
  readonly #lives: number[] = [];
  readonly #dead: P[] = [];
  #unsent = 0;
  #restarts = 0;

  constructor(world: AnyWorld, start: (index: number, life: number, onDeath: (process: P) => void) => P) {
    this.#world = world;
    this.#start = start;
  }

  /** Whether every order is answered, every restart is done, and every process is running. */
  get isComplete(): boolean {
    return this.#unsent === 0 && this.#restarts === 0 && this.#living.every((one) => one !== undefined);
  }

  /** The unfinished orders, restarts and starts, for the text of a violation. */
  get left(): string {
    const missing = this.#living.filter((one) => one === undefined).length;
    return `${this.#unsent} sends, ${this.#restarts} restarts, ${missing} processes to come`;
  }

  get running(): number {
    return this.#living.reduce((sum, one) => sum + (one?.running ?? 0), 0);
  }

  /** The processes that work. */
  get working(): P[] {
    return this.#living.filter((one): one is P => one?.host.state === "working");
  }

  begin(orders: readonly O[]): void {
    const { plan } = this.#world;
    for (const index of plan.processes.keys()) this.#spawn(index);
    for (const order of orders) {
      this.#unsent += 1;
      this.#world.later(order.at, () => this.#send(order));
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

  /** Gives an order to its process. If that one is not running, another process gets it. */
  #send(order: O): void {
    const working = this.working.filter((one) => one.accepts(order));
    const sender = working.find(({ host }) => host.index === order.by) ?? working[0];
    if (sender === undefined) {
      this.#world.later(1_000, () => this.#send(order));
      return;
    }
    // A process that dies during the send never answers.
    const died = new Promise<void>((resolve) => {
      sender.host.dead.addEventListener("abort", () => resolve(), { once: true });
    });
    void Promise.race([sender.send(order), died]).finally(() => {
      this.#unsent -= 1;
    });
  }

  #spawn(index: number): void {
    const life = this.#lives[index] ?? 0;
    this.#lives[index] = life + 1;
    this.#living[index] = this.#start(index, life, (died) => this.#died(died));
  }

  #died(died: P): void {
    const { index } = died.host;
    this.#dead.push(died);
    if (this.#living[index] !== died) return;
    this.#living[index] = undefined;
    this.#world.later(this.#world.random.int(1, RESPAWN_MS), () => this.#spawn(index));
  }

  async #restart(index: number): Promise<void> {
    const old = this.#living[index];
    if (old?.host.state === "working") {
      const died = new Promise<void>((resolve) => {
        old.host.dead.addEventListener("abort", () => resolve(), { once: true });
      });
      await Promise.race([old.stop(), died]);
      if (!old.host.isDead) this.#spawn(index);
    }
    this.#restarts -= 1;
  }
}
