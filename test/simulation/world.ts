import { memory } from "../../adapters/memory/index.ts";
import { sleep } from "../../src/lib/clock.ts";
import type { Delivery, Driver } from "../../src/driver/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { Faults } from "./faults.ts";
import { Ledger, type QueueNames } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import { Prng } from "./prng.ts";
import type { ViewSource } from "./view-source.ts";

const START = Date.UTC(2026, 0, 1);
const QUEUE = "jobs";
const MAX_ATTEMPTS = 5;

/** What all processes of a run share: the broker, its time, and what goes wrong. */
export class World {
  readonly plan: Plan;
  readonly clock: FakeClock;
  readonly driver: Driver;
  readonly names: QueueNames;
  readonly faults: Faults;
  readonly ledger: Ledger;
  /** Sources of the main queue that are open. */
  readonly sources: Set<ViewSource> = new Set();
  /** How often each point was crashed at. */
  readonly crashedAt: Map<string, number> = new Map();
  /** What happened, line by line; only where it was asked for. */
  readonly trace: string[] | undefined;
  readonly random: Prng;
  /** Edges of requests and handlers that were met. */
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
    const { personality, leaseMs } = plan;
    const driver = memory({
      clock,
      emulate: personality === "plain" ? undefined : personality,
    });
    await driver.admin.ensure(QUEUE, { brokerMaxDeliveries: 2 * MAX_ATTEMPTS + 10, leaseMs });
    const traits = await driver.describe(QUEUE);
    const names = { main: QUEUE, parking: traits.delayQueue, deadLetters: traits.deadLetterQueue };
    return new World(plan, driver, clock, names, traced);
  }

  now(): number {
    return this.clock.now();
  }

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.clock.now() - START;
  }

  note(who: string, what: string): void {
    this.trace?.push(`${String(this.elapsed).padStart(8)} ms  ${who.padEnd(5)} ${what}`);
  }

  /** One way of a request. */
  async latency(): Promise<void> {
    const { latencyMs } = this.plan;
    if (latencyMs > 0 && this.random.chance(0.5)) await sleep(this.clock, this.random.int(1, latencyMs));
  }

  /** The world's own doings; they end with the run. */
  later(ms: number, run: () => void): void {
    const timer = this.clock.timer(ms, () => {
      this.#timers.delete(cancel);
      run();
    });
    const cancel = (): void => timer.cancel();
    this.#timers.add(cancel);
  }

  /** Gives a delivery to a second receiver, if there is one. */
  offer(delivery: Delivery, first: ViewSource): void {
    const others = [...this.sources].filter((source) => source !== first);
    const other = others.find((source) => source.waits) ?? others[0];
    other?.push(delivery);
  }

  end(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
