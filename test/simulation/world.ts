import { type EmulatedProvider, memory } from "../../adapters/memory/index.ts";
import { sleep } from "../../src/lib/clock.ts";
import type { Admin, Delivery, Driver, QueueSpec } from "../../src/driver/index.ts";
import { FakeClock } from "../../src/testing/index.ts";
import type { BrokerLedger, DriverWorld } from "./driver-host.ts";
import { Faults } from "./faults.ts";
import type { Violation } from "./violation.ts";
import type { WorldPlan } from "./plan.ts";
import { Prng } from "./prng.ts";
import type { ProcessSource } from "./process-source.ts";
import type { QueueRole } from "./steps.ts";

const START = Date.UTC(2026, 0, 1);

/** The queues of a run that belong together, by purpose. */
export interface QueueNames {
  readonly main: string;
  readonly delayQueue: string;
  readonly deadLetters: string;
}

/** A ledger that finds broken rules. */
export interface RuleLedger extends BrokerLedger {
  readonly violations: Violation[];
  violate(rule: string, text: string): void;
}

/** The queues of a simulation, before its ledger is made. */
export interface OpenBroker {
  readonly clock: FakeClock;
  readonly driver: Driver & { readonly admin: Admin };
  readonly queues: readonly QueueNames[];
}

/** Opens a broker in memory, with these queues. */
export async function openBroker(
  provider: EmulatedProvider | "plain",
  names: readonly string[],
  spec: QueueSpec,
  stats?: "exact",
): Promise<OpenBroker> {
  const clock = new FakeClock({ start: START });
  const driver = memory({ clock, stats, emulate: provider === "plain" ? undefined : provider });
  const queues: QueueNames[] = [];
  for (const main of names) {
    await driver.admin.ensure(main, spec);
    const { delayQueue, deadLetterQueue: deadLetters } = await driver.describe(main);
    queues.push({ main, delayQueue, deadLetters });
  }
  return { clock, driver, queues };
}

/** The parts that all processes of a run share: the broker, its clock, and the faults. */
export class World<P extends WorldPlan, L extends RuleLedger> implements DriverWorld {
  readonly plan: P;
  readonly clock: FakeClock;
  readonly driver: Driver;
  readonly queues: readonly QueueNames[];
  readonly faults: Faults;
  readonly ledger: L;
  /** Open sources of the main queues. */
  readonly sources: Set<ProcessSource> = new Set();
  /** Number of crashes, by point. */
  readonly crashedAt: Map<string, number> = new Map();
  /** The events of the run, if it is traced. */
  readonly trace: string[] | undefined;
  readonly random: Prng;
  /** Number of points that processes have reached. */
  steps = 0;
  readonly #roles = new Map<string, QueueRole>();
  readonly #timers = new Set<() => void>();

  constructor(plan: P, { driver, clock, queues }: OpenBroker, ledger: L, traced: boolean) {
    this.plan = plan;
    this.driver = driver;
    this.clock = clock;
    this.queues = queues;
    this.random = new Prng(plan.seed ^ 0x5f3759df);
    this.faults = new Faults(plan.faults);
    this.ledger = ledger;
    this.trace = traced ? [] : undefined;
    for (const { main, delayQueue, deadLetters } of queues) {
      this.#roles.set(main, "main");
      this.#roles.set(delayQueue, "delay queue");
      this.#roles.set(deadLetters, "dead letters");
    }
  }

  roleOf(queue: string): QueueRole {
    return this.#roles.get(queue) ?? "main";
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

  /** Delivers to a second receiver of the queue, if there is one. */
  offer(delivery: Delivery, first: ProcessSource): void {
    const others = [...this.sources].filter((source) => source !== first && source.queue === first.queue);
    const other = others.find((source) => source.isPolling) ?? others[0];
    other?.push(delivery);
  }

  end(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }
}
