import { memory } from "../../adapters/memory/index.ts";
import { sleep } from "../../src/lib/clock.ts";
import type { Delivery, Driver } from "../../src/driver/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { Faults } from "./faults.ts";
import { Ledger, type QueueNames } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import { Prng } from "./prng.ts";
import type { ProcessSource } from "./process-source.ts";

const START = Date.UTC(2026, 0, 1);
const QUEUE = "jobs";
const MAX_ATTEMPTS = 5;

/** The parts that all processes of a run share: the broker, its clock, and the faults. */
export class World {
  readonly plan: Plan;
  readonly clock: FakeClock;
  readonly driver: Driver;
  readonly names: QueueNames;
  readonly faults: Faults;
  readonly ledger: Ledger;
  /** Open sources of the main queue. */
  readonly sources: Set<ProcessSource> = new Set();
  /** Number of crashes, by point. */
  readonly crashedAt: Map<string, number> = new Map();
  /** The events of the run, if it is traced. */
  readonly trace: string[] | undefined;
  readonly random: Prng;
  /** Number of points that processes have reached. */
  steps = 0;
  readonly #timers = new Set<() => void>();

  private constructor(plan: Plan, driver: Driver, clock: FakeClock, names: QueueNames, traced: boolean) {
    this.plan = plan;
    this.driver = driver;
    this.clock = clock;
    this.names = names;
    this.random = new Prng(plan.seed ^ 0x5f3759df);
    this.faults = new Faults(plan.faults);
    this.ledger = new Ledger(plan, names, () => clock.now());
    this.trace = traced ? [] : undefined;
  }

  static async open(plan: Plan, traced: boolean): Promise<World> {
    const clock = new FakeClock({ start: START });
    const { provider, leaseMs } = plan;
    const driver = memory({
      clock,
      emulate: provider === "plain" ? undefined : provider,
    });
    await driver.admin.ensure(QUEUE, { brokerMaxDeliveries: 2 * MAX_ATTEMPTS + 10, leaseMs });
    const traits = await driver.describe(QUEUE);
    const names = { main: QUEUE, delayQueue: traits.delayQueue, deadLetters: traits.deadLetterQueue };
    return new World(plan, driver, clock, names, traced);
  }

  now(): number {
    return this.clock.now();
  }

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.clock.now() - START;
  }

  note(source: string, event: string): void {
    this.trace?.push(`${String(this.elapsed).padStart(8)} ms  ${source.padEnd(5)} ${event}`);
  }

  /** Waits for the network, in one direction. */
  async latency(): Promise<void> {
    const { latencyMs } = this.plan;
    if (latencyMs > 0 && this.random.chance(0.5)) await sleep(this.clock, this.random.int(1, latencyMs));
  }

  /** Schedules a callback of the simulation itself. It is cancelled at the end of the run. */
  later(ms: number, run: () => void): void {
    const timer = this.clock.timer(ms, () => {
      this.#timers.delete(cancel);
      run();
    });
    const cancel = (): void => timer.cancel();
    this.#timers.add(cancel);
  }

  /** Delivers to a second receiver, if there is one. */
  offer(delivery: Delivery, first: ProcessSource): void {
    const others = [...this.sources].filter((source) => source !== first);
    const other = others.find((source) => source.isPolling) ?? others[0];
    other?.push(delivery);
  }

  end(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
