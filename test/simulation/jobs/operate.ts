import type { Queue } from "../../../src/queue/queue.ts";
import { DriverError } from "../../../src/driver/index.ts";
import { isQueueError } from "../../../src/errors.ts";
import type { Jobs } from "../../../src/jobs/index.ts";
import { sleep } from "../../../src/lib/clock.ts";
import type { ProcessDriver } from "../process-driver.ts";
import { movedId } from "./replaces.ts";
import type { JobHost } from "./job-process.ts";
import type { PlannedOperation } from "./plan.ts";
import type { TrackedJob } from "./tracked-job.ts";

/** The parts of a process that an operator uses. */
export interface OperatorParts {
  readonly host: JobHost;
  readonly jobs: Jobs;
  readonly queue: Queue;
  readonly driver: ProcessDriver;
}

/** Time for which an operator waits for a state, and between two looks. */
const PATIENCE_MS = 90_000;
const LOOK_MS = 250;
const LEASE_MS = 10_000;
const LETTERS = 10;

/** Waits for the state of a job, and does something to it. */
export async function operate(parts: OperatorParts, { what, when, key }: PlannedOperation): Promise<void> {
  const { host } = parts;
  const { world } = host;
  const { ledger } = world;
  const job = ledger.jobs.get(key);
  if (job === undefined || job.isShared) return;
  const until = world.now() + PATIENCE_MS;
  const isTime = (): boolean => {
    if (when === "dead") return job.letters.size > 0;
    if (when === "sent") return job.sent !== "never";
    return ledger.rowOf(job)?.status === when;
  };
  while (!isTime()) {
    if (world.now() >= until || host.state !== "working") return;
    await sleep(host.clock, LOOK_MS);
    if (host.isDead) return host.halt();
  }
  if (job.id === undefined) return;
  world.note(host.name, `operator: ${what} ${key}`);
  world.lastAction = world.now();
  try {
    await act(parts, what, job, job.id);
  } catch (error) {
    if (host.isDead) return host.halt();
    world.note(host.name, `operator: ${what} ${key}: ${String(error)}`);
    if (!isQueueError(error) && !(error instanceof DriverError))
      ledger.violate("internal", `${what} ${key} fails: ${String(error)}`);
  }
}

async function act(
  { host, jobs, queue, driver }: OperatorParts,
  what: PlannedOperation["what"],
  job: TrackedJob,
  id: string,
): Promise<void> {
  const { ledger, queues } = host.world;
  const record = ledger.recordOf(job);
  const names = queues[job.send.queue];
  if (names === undefined) return;
  switch (what) {
    case "cancel": {
      record.cancels += 1;
      const answer = await jobs.cancel(id);
      if (!host.isDead && answer === "cancelled" && ledger.rowOf(job)?.status === "processing")
        ledger.violate("cancelled", `${job.planned.key} counts as cancelled, and runs`);
      return;
    }
    case "retry":
      await jobs.retry(id);
      return;
    case "force":
      await jobs.retry(id, { force: true });
      return;
    case "promote":
      job.dueAt = 0;
      await jobs.promote(id);
      return;
    case "redrive":
      record.redrives += 1;
      await queue.deadLetters(names.main).redrive({ ids: [id] });
      return;
    case "move":
      record.redrives += 1;
      return moveAsIs(host, driver, names, id);
    case "reconcile":
      await jobs.reconcile();
      return;
    case "prune":
      await jobs.prune();
  }
}

/** Moves a dead letter back as the console of a cloud does: body and attributes stay as they are. */
async function moveAsIs(
  host: JobHost,
  driver: ProcessDriver,
  { main, deadLetters }: { readonly main: string; readonly deadLetters: string },
  id: string,
): Promise<void> {
  const source = driver.open(deadLetters, { prefetch: 20, leaseMs: LEASE_MS });
  const found = await source.next(LETTERS, new AbortController().signal);
  const letters = found.filter((delivery) =>
    host.held(id).some(({ copy }) => copy.brokerId === delivery.brokerId),
  );
  const copies = letters.map(({ body, attributes, orderingKey, brokerId }) => ({
    body,
    attributes,
    orderingKey,
    delayMs: 0,
    dedupId: movedId(brokerId),
  }));
  try {
    if (copies.length > 0) {
      const sent = await driver.send(main, copies, new AbortController().signal);
      await source.settle(
        letters.filter((_, at) => sent[at]?.ok === true).map((delivery) => ({ kind: "ack", delivery })),
      );
    }
  } finally {
    const others = found.filter((delivery) => !letters.includes(delivery));
    if (others.length > 0)
      await source.settle(others.map((delivery) => ({ kind: "release", delivery, delayMs: 0 })));
    await source.stop();
    await source.close();
  }
}
