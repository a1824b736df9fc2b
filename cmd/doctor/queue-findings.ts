import type { WorkerConfig } from "../../adapters/config-file.ts";
import { defaults } from "../../src/defaults.ts";
import type { QueueChange } from "../../src/driver/contract.ts";
import { isQueueError } from "../../src/errors.ts";
import type { Queue, QueueDescription } from "../../src/queue.ts";
import { crashLoopAt } from "../../src/receive/crash-loop.ts";
import { errorLine } from "../lib/output.ts";
import type { Wanted } from "../lib/queues.ts";
import { type Finding, broken, ok, warning } from "./finding.ts";

/** What there is to say of one queue. */
export async function queueFindings(queue: Queue, wanted: Wanted, worker: WorkerConfig): Promise<Finding[]> {
  const { name } = wanted;
  let description: QueueDescription;
  try {
    description = await queue.describe(name);
  } catch (error) {
    return [unreachable(name, error)];
  }
  const findings = [
    // Where queues come into being on first use, there is nothing to provision.
    ...(description.limits.createsQueues ? [] : await policyFindings(queue, wanted)),
    ...countingFindings(name, description, worker),
    ...leaseFindings(name, description, worker),
  ];
  const { ordering } = description.traits;
  return [
    ok(`queue ${name}: is there${ordering === "by_key" ? ", and keeps order by key" : ""}`),
    ...findings,
  ];
}

function unreachable(name: string, error: unknown): Finding {
  if (isQueueError(error, "not_found"))
    return broken(`queue ${name}: does not exist`, `queueport provision ${name}, or correct its name`);
  if (isQueueError(error, "auth"))
    return broken(`queue ${name}: ${errorLine(error)}`, "give credentials that may read and send to it");
  return broken(`queue ${name}: ${errorLine(error)}`, "see that the provider can be reached from here");
}

/** Where the provider's policies, and the queues beside this one, are not as they have to be. */
async function policyFindings(queue: Queue, { name, options }: Wanted): Promise<Finding[]> {
  let changes: readonly QueueChange[];
  try {
    changes = await queue.plan(name, options);
  } catch (error) {
    if (isQueueError(error, "not_supported")) return [];
    const mend = "allow it to be read, or see to it by the provider's own tools";
    return [warning(`queue ${name}: its policies could not be compared: ${errorLine(error)}`, mend)];
  }
  const mend = `queueport provision ${name}`;
  if (changes.length === 0) return [ok(`queue ${name}: policies, dead-letter and parking queues are right`)];
  return changes.map(({ kind, resource, setting, from = "unset", to = "unset" }) => {
    if (kind === "create") return broken(`${resource}: does not exist, and ${name} needs it`, mend);
    const what = `${resource}: ${setting} is ${from}; ${to} is wanted`;
    if (kind === "change") return warning(what, mend);
    const isOrder = /order|session/i.test(setting ?? "");
    return broken(
      what,
      isOrder ? `say --ordered ${name} as it is, or drop the queue` : "drop the queue first",
    );
  });
}

/** Whether attempts can be counted, and the provider does not act before queueport does. */
function countingFindings(name: string, { traits }: QueueDescription, worker: WorkerConfig): Finding[] {
  const { countsDeliveries, brokerMaxDeliveries: most } = traits;
  if (!countsDeliveries) {
    const what = `queue ${name}: deliveries are not counted, so attempts cannot be`;
    const mend = `queueport provision ${name} gives it a dead-letter policy; or set worker.allowUncounted`;
    return [worker.allowUncounted === true ? warning(what, mend) : broken(what, mend)];
  }
  const guard = crashLoopAt(defaults.maxAttempts, traits.ordering === "by_key");
  if (most === undefined || most > guard) return [];
  const what = `queue ${name}: the provider dead-letters after ${most} deliveries by itself, without a reason; queueport would after ${guard}`;
  const mend = `raise the provider's limit above ${guard}: queueport provision ${name}`;
  return [most < defaults.maxAttempts ? broken(what, mend) : warning(what, mend)];
}

/** Whether a run can be as long as it may be. */
function leaseFindings(name: string, { traits, limits }: QueueDescription, worker: WorkerConfig): Finding[] {
  const { timeoutMs = defaults.timeoutMs, graceMs = defaults.graceMs } = worker;
  const asked = worker.leaseMs ?? defaults.leaseMs;
  const leaseMs = traits.fixedLeaseMs ?? asked;
  const runMs = timeoutMs + graceMs + (worker.hardLimitMs ?? defaults.hardLimitMs);
  const findings: Finding[] = [];
  if (leaseMs > limits.maxLeaseMs) {
    const mend = `set worker.leaseMs to ${limits.maxLeaseMs} at most`;
    findings.push(broken(`queue ${name}: a lease of ${leaseMs} ms is longer than the provider's`, mend));
  }
  if (runMs > limits.maxTotalLeaseMs) {
    const what = `queue ${name}: a run may take ${runMs} ms; the provider holds a message for ${limits.maxTotalLeaseMs} ms at most`;
    findings.push(broken(what, "set worker.timeoutMs lower, or split the job"));
  }
  if (worker.extendEveryMs !== undefined && worker.extendEveryMs >= leaseMs) {
    const mend = "set worker.extendEveryMs to a third of it";
    findings.push(broken(`queue ${name}: a lease of ${leaseMs} ms ends before it is extended`, mend));
  } else if (worker.extendEveryMs !== undefined && worker.extendEveryMs * 2 > leaseMs) {
    const mend = "set worker.extendEveryMs to a third of it";
    findings.push(warning(`queue ${name}: one extension that fails loses a lease of ${leaseMs} ms`, mend));
  }
  if (worker.leaseMs !== undefined && traits.fixedLeaseMs !== undefined && traits.fixedLeaseMs !== asked) {
    const what = `queue ${name}: its lease is ${traits.fixedLeaseMs} ms, set on the queue; worker.leaseMs is ${asked}`;
    findings.push(warning(what, `queueport provision ${name}, or take worker.leaseMs out`));
  }
  if (findings.length > 0) return findings;
  return [ok(`queue ${name}: a lease of ${leaseMs} ms, extended for runs of up to ${timeoutMs} ms`)];
}
