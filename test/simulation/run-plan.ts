import { Ledger } from "./ledger.ts";
import type { Plan, PlannedMessage } from "./plan.ts";
import { Process, type QueueWorld } from "./process.ts";
import { ProcessGroup } from "./process-group.ts";
import type { RunResult } from "./simulation.ts";
import { openBroker, World } from "./world.ts";

/** Number of faults that must happen in each run. */
const MIN_FAULTS = 5;
/** Virtual time after which everything must be done, whatever faults happen. */
const MAX_VIRTUAL_MS = 4 * 3_600_000;
const QUEUE = "jobs";
const MAX_ATTEMPTS = 5;

type Group = ProcessGroup<PlannedMessage, Process>;

/** Executes a plan, and checks every rule. The same plan always has the same result. */
export async function runPlan(plan: Plan, traced: boolean = false): Promise<RunResult> {
  const { provider, leaseMs } = plan;
  const broker = await openBroker(provider, [QUEUE], { brokerMaxDeliveries: 2 * MAX_ATTEMPTS + 10, leaseMs });
  const { clock, queues } = broker;
  const [names] = queues;
  if (names === undefined) throw new Error("the broker has no queue");
  const ledger = new Ledger(plan, names, () => clock.now());
  const world = new World(plan, broker, ledger, traced);
  const onRejection = (reason: unknown): void =>
    ledger.violate("unhandled", `an unhandled rejection: ${String(reason)}`);
  process.on("unhandledRejection", onRejection);
  const group: Group = new ProcessGroup(
    world,
    (index, life, onDeath) => new Process(world, index, life, onDeath),
  );
  try {
    group.begin(plan.messages);
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

async function untilRest(world: QueueWorld, group: Group): Promise<void> {
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
