import { sleep } from "../../src/lib/clock.ts";
import type { BrokerHeld, DriverHost } from "./driver-host.ts";
import type { FaultPoint } from "./faults.ts";
import type { PlannedFault, Step, WorldPlan } from "./plan.ts";
import { ProcessClock } from "./process-clock.ts";
import type { RuleLedger, World } from "./world.ts";

/** The life of one process of a simulation. */
export interface HostSetting {
  readonly index: number;
  /** How many processes of this index there were before. */
  readonly life: number;
  /** Points after which the run seems to loop. */
  readonly maxSteps: number;
  /** Time after its end within which the timers of the process may still fire. @default 0 */
  readonly timersMs?: number | undefined;
  /** Called when the process has died, once. */
  readonly onDeath: () => void;
  /** Called when a fault happens, before it has an effect. */
  readonly onFault?: ((fault: PlannedFault, step: Step, detail: string) => void) | undefined;
}

/** The parts of a simulated process that are the same whatever it does: its clocks, its faults, and its death. */
export class ProcessHost<H extends BrokerHeld, W extends World<WorldPlan, RuleLedger>> implements DriverHost {
  readonly name: string;
  readonly index: number;
  readonly world: W;
  readonly clock: ProcessClock;
  /** The clock of the handlers. It is separate, because a handler that ignores its signal outlives the drain. */
  readonly handlers: ProcessClock;
  skewMs: number;
  mutedUntil = 0;
  state: "working" | "draining" | "stopped" | "dead" = "working";
  frozen: Promise<void> | undefined;
  readonly #setting: HostSetting;
  readonly #death = new AbortController();
  readonly #halted = Promise.withResolvers<never>();
  readonly #held = new Map<string, H[]>();
  readonly #clockListeners: ((byMs: number) => void)[] = [];

  constructor(world: W, setting: HostSetting) {
    const { index, life } = setting;
    const { skewMs: planned = 0, clockSet } = world.plan.processes[index] ?? {};
    const isSet = clockSet !== undefined && clockSet.at <= world.elapsed;
    this.#setting = setting;
    this.name = `p${index}.${life}`;
    this.index = index;
    this.world = world;
    this.skewMs = planned + (isSet ? clockSet.byMs : 0);
    this.clock = new ProcessClock(world.clock, this.skewMs);
    this.handlers = new ProcessClock(world.clock, this.skewMs);
    this.#halted.promise.catch(() => undefined);
    if (clockSet !== undefined && !isSet)
      world.later(clockSet.at - world.elapsed, () => this.#setClock(clockSet.byMs));
    world.note(this.name, `starts, its clock off by ${this.skewMs} ms`);
  }

  onClockSet(listener: (byMs: number) => void): void {
    this.#clockListeners.push(listener);
  }

  #setClock(byMs: number): void {
    if (this.isDead) return;
    this.world.faults.count("clock set");
    this.world.note(this.name, `its clock is set by ${byMs} ms`);
    this.skewMs += byMs;
    this.clock.set(byMs);
    this.handlers.set(byMs);
    for (const listener of this.#clockListeners) listener(byMs);
  }

  get dead(): AbortSignal {
    return this.#death.signal;
  }

  get isDead(): boolean {
    return this.#death.signal.aborted;
  }

  reach(point: Omit<FaultPoint, "draining">, detail: string): PlannedFault | undefined {
    const { world } = this;
    const { maxSteps } = this.#setting;
    world.steps += 1;
    if (world.steps === maxSteps)
      world.ledger.violate("busy", `${maxSteps} steps without an end: the run seems to loop`);
    const fault = world.faults.take({ ...point, draining: this.state === "draining" }, world.elapsed);
    if (world.trace !== undefined && (point.side === "after" || fault !== undefined))
      world.note(this.name, `${point.step} ${detail}${fault === undefined ? "" : ` !! ${fault.kind}`}`);
    if (fault !== undefined) this.#setting.onFault?.({ ...fault, side: point.side }, point.step, detail);
    if (fault?.kind === "crash") this.#die(`${point.step}, ${point.side}, ${this.state}`);
    if (fault?.kind === "mute") this.mutedUntil = world.now() + 2 * world.plan.leaseMs;
    if (fault?.kind === "freeze") this.#freeze(world.plan.leaseMs * (0.5 + 2.5 * fault.chance));
    return fault;
  }

  halt<T>(): Promise<T> {
    return this.#halted.promise;
  }

  held(id: string): readonly H[] {
    return this.#held.get(id) ?? [];
  }

  allHeld(): H[] {
    return [...this.#held.values()].flat();
  }

  hold(held: H): void {
    this.#held.set(held.id, [...this.held(held.id), held]);
  }

  drop(held: H): void {
    const rest = this.held(held.id).filter((one) => one !== held);
    if (rest.length === 0) this.#held.delete(held.id);
    else this.#held.set(held.id, rest);
  }

  /**
   * Carries out a drain. The answer of an extension that nothing awaits may still arrive. Afterwards, no timer of the process
   * may be left.
   */
  async drain(stop: () => Promise<void>): Promise<void> {
    if (this.state !== "working") return;
    const { world, name } = this;
    this.state = "draining";
    world.note(name, "drains");
    await stop();
    await sleep(world.clock, 2 * world.plan.latencyMs);
    if (this.isDead) return;
    this.state = "stopped";
    world.note(name, "has drained");
    const check = (): void => {
      if (this.clock.pending > 0)
        world.ledger.violate(
          "timers",
          `${name} has closed, and ${this.clock.pending} of its timers are pending`,
        );
    };
    const { timersMs = 0 } = this.#setting;
    // A handler that outlives its process may still write its end.
    if (timersMs === 0) check();
    else if (this.handlers.pending === 0) world.later(timersMs, check);
  }

  /** Lets the timers and promises of a dead process end, so that none is left after the run. Nothing observes them. */
  async cleanUp(end: () => Promise<void>): Promise<void> {
    const clock = this.clock.thaw();
    const handlers = this.handlers.thaw();
    this.#halted.reject(new Error("this process is dead"));
    let done = false;
    const ending = end()
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

  #freeze(ms: number): void {
    if (this.frozen !== undefined) return;
    const { world, name, clock, handlers } = this;
    world.note(name, `stands still for ${Math.ceil(ms)} ms`);
    clock.pause();
    handlers.pause();
    this.frozen = new Promise((resolve) => {
      world.later(ms, () => {
        this.frozen = undefined;
        if (this.isDead) return;
        world.note(name, "goes on");
        clock.resume();
        handlers.resume();
        resolve();
      });
    });
  }

  #die(point: string): void {
    const { world } = this;
    world.note(this.name, `CRASHES at ${point}`);
    world.crashedAt.set(point, (world.crashedAt.get(point) ?? 0) + 1);
    this.state = "dead";
    this.#death.abort(new Error("this process is dead"));
    this.clock.freeze();
    this.handlers.freeze();
    this.#setting.onDeath();
  }
}
