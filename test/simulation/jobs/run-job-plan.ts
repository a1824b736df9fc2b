import { ProcessGroup } from "../process-group.ts";
import type { RunResult } from "../simulation.ts";
import { openBroker } from "../world.ts";
import { checkEnd, unfinishedOf } from "./end-rules.ts";
import { JobLedger } from "./job-ledger.ts";
import { JobProcess } from "./job-process.ts";
import { JobWorld } from "./job-world.ts";
import { type JobOrder, type JobPlan, QUEUES } from "./plan.ts";
import { seedIds } from "./seeded-ids.ts";

/** Virtual time after which everything must be done, whatever faults happen. */
const MAX_VIRTUAL_MS = 3 * 3_600_000;
/** Time without a change after which nothing is expected any more, and after which the records have been looked through. */
const QUIET_MS = 10_000;
const RECONCILED_MS = 660_000;
/** Time after which all records are deleted. */
const RETENTION_MS = 1.5 * 3_600_000;
/** Time for which a record is kept, and its deletion takes. */
const KEPT_MS = 3_600_000 + 120_000;

type Group = ProcessGroup<JobOrder, JobProcess>;

/** Executes a plan of the job system, and checks every rule. */
export async function runJobPlan(plan: JobPlan, traced: boolean = false): Promise<RunResult> {
  const { provider, leaseMs, isOrdered, brokerMaxDeliveries } = plan;
  const names = QUEUES.slice(0, plan.hasStaging ? 3 : 2).map((name) => (isOrdered ? `${name}.fifo` : name));
  const ordering = isOrdered ? "by_key" : "none";
  const broker = await openBroker(provider, names, { brokerMaxDeliveries, leaseMs, ordering }, "exact");
  const { clock } = broker;
  const ledger = new JobLedger(plan, broker.queues, () => clock.now());
  const world = new JobWorld(plan, broker, ledger, traced);
  const onRejection = (reason: unknown): void =>
    ledger.violate("unhandled", `an unhandled rejection: ${String(reason)}`);
  process.on("unhandledRejection", onRejection);
  const unseed = seedIds(plan.seed);
  const group: Group = new ProcessGroup(
    world,
    (index, life, onDeath) => new JobProcess(world, index, life, onDeath),
  );
  try {
    group.begin([...plan.sends, ...plan.repeats, ...plan.operations]);
    await untilRest(world, group);
    if (ledger.violations.length === 0) {
      await world.readLetters();
      checkEnd(ledger);
    }
    if (ledger.violations.length === 0 && plan.isPruned) await untilPruned(world);
    world.faults.disarm();
    if (ledger.violations.length === 0) await group.stop();
    const virtualMs = world.elapsed;
    world.end();
    await world.driver.close();
    if (ledger.violations.length === 0) await group.cleanUp();
    if (plan.isLongOutage && isOrdered && world.faults.happened.has("down"))
      ledger.reached("store: an ordered queue waits out an hour");
    if (plan.processes.some(({ skewMs }) => skewMs !== 0)) world.faults.count("skew");
    return {
      violations: ledger.violations,
      faults: world.faults.happened,
      crashedAt: world.crashedAt,
      lines: ledger.lines,
      virtualMs,
      trace: world.trace ?? [],
    };
  } finally {
    unseed();
    process.off("unhandledRejection", onRejection);
  }
}

async function untilRest(world: JobWorld, group: Group): Promise<void> {
  const { ledger } = world;
  let isAssumed = false;
  for (;;) {
    await world.clock.settle();
    if (ledger.violations.length > 0) return;
    const isIdle =
      group.isComplete && ledger.running.size === 0 && world.storeDownUntil < world.now() && ledger.isCalm;
    const quietMs = world.now() - Math.max(ledger.changedAt, world.lastAction);
    if (isIdle && quietMs > QUIET_MS && (await world.isEmpty())) {
      const isDone = unfinishedOf(ledger).length === 0;
      if (isDone || isAssumed) break;
      if (quietMs > RECONCILED_MS) {
        isAssumed = true;
        void group.working[0]?.close("lost");
      }
    }
    if (world.elapsed > MAX_VIRTUAL_MS) {
      const left = `${unfinishedOf(ledger).join(", ")}; ${ledger.running.size} handlers, ${group.left}`;
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

/** Goes on until every record is deleted, and was archived before. */
async function untilPruned(world: JobWorld): Promise<void> {
  const { ledger, records } = world;
  await world.clock.advance(RETENTION_MS);
  for (const { namespace, id, isArchived } of ledger.records) {
    const [row] = await records.store.get(namespace, [id]);
    const isThere = ledger.rows.has(`${namespace}/${id}`);
    // A change that comes late may write the record of a job once more whose end it is.
    const isOld = (row?.row.updatedAt ?? 0) < world.now() - KEPT_MS;
    if (row !== undefined && isOld)
      ledger.violate("retention", `${ledger.nameOf(id)} is ${row.row.status}, and is not deleted`);
    if (row === undefined && isThere && !isArchived)
      ledger.violate("retention", `${ledger.nameOf(id)} was deleted, and is not archived`);
  }
}
