import type { WorkerConfig } from "../../adapters/config-file.ts";
import type { InMs } from "../../src/lib/duration.ts";
import { defaults } from "../../src/defaults.ts";
import type { QueueChange } from "../../src/driver/contract.ts";
import { isQueueError } from "../../src/errors.ts";
import type { Queue, QueueDescription } from "../../src/queue/queue.ts";
import { crashLoopAt } from "../../src/queue/crash-loop.ts";
import { errorLine } from "../lib/output.ts";
import type { QueueTarget } from "../lib/queues.ts";
import { broken, type Finding, ok, warning } from "./finding.ts";

/** The findings about one queue. */
export async function queueFindings(
  queue: Queue,
  target: QueueTarget,
  worker: InMs<WorkerConfig>,
): Promise<Finding[]> {
  const { name } = target;
  let description: QueueDescription;
  try {
    description = await queue.describe(name);
  } catch (error) {
    return [unreachable(name, error)];
  }
  const findings = [
    // A provider that creates queues on first use has no policies to compare.
    ...(description.limits.createsQueues ? [] : await policyFindings(queue, target)),
    ...countingFindings(name, description, worker),
    ...leaseFindings(name, description, worker),
  ];
  const { ordering } = description.traits;
  return [ok(`queue ${name}: exists${ordering === "by_key" ? ", and keeps order by key" : ""}`), ...findings];
}

function unreachable(name: string, error: unknown): Finding {
  if (isQueueError(error, "not_found"))
    return broken(`queue ${name}: does not exist`, `queueport provision ${name}, or correct its name`);
  const what = `queue ${name}: ${errorLine(error)}`;
  if (isQueueError(error, "auth")) return broken(what, "use credentials that may read it and send to it");
  if (isQueueError(error, "unavailable"))
    return broken(what, "check that this machine can reach the provider");
  return broken(what, "correct the name or the configuration, as the message says");
}

/** Differences between what the provider has and what queueport needs: policies, dead-letter queue, delay queue. */
async function policyFindings(queue: Queue, { name, options }: QueueTarget): Promise<Finding[]> {
  let changes: readonly QueueChange[];
  try {
    changes = await queue.plan(name, options);
  } catch (error) {
    if (isQueueError(error, "not_supported")) return [];
    const fix = "grant permission to read them, or check them with the provider's own tools";
    return [warning(`queue ${name}: its policies could not be compared: ${errorLine(error)}`, fix)];
  }
  const fix = `queueport provision ${name}`;
  if (changes.length === 0) {
    return [ok(`queue ${name}: policies, dead-letter queue and delay queue are correct`)];
  }
  return changes.map(({ kind, resource, setting, from = "unset", to = "unset" }) => {
    if (kind === "create") return broken(`${resource}: does not exist, and ${name} needs it`, fix);
    const what = `${resource}: ${setting} is ${from}; it should be ${to}`;
    if (kind === "change") return warning(what, fix);
    const isOrder = /order|session/i.test(setting ?? "");
    return broken(
      what,
      isOrder ? `pass --ordered ${name} to keep it, or delete the queue` : "delete the queue first",
    );
  });
}

/** Checks that attempts can be counted, and that queueport dead-letters before the provider does. */
function countingFindings(name: string, { traits }: QueueDescription, worker: InMs<WorkerConfig>): Finding[] {
  const { countsDeliveries, brokerMaxDeliveries: most } = traits;
  if (!countsDeliveries) {
    const what = `queue ${name}: deliveries are not counted, so attempts cannot be counted`;
    const fix = `queueport provision ${name} adds a dead-letter policy; or set worker.allowUncounted`;
    return [worker.allowUncounted === true ? warning(what, fix) : broken(what, fix)];
  }
  const guard = crashLoopAt(defaults.maxAttempts, traits.ordering === "by_key");
  if (most === undefined || most > guard) return [];
  const what = `queue ${name}: the provider dead-letters after ${most} deliveries on its own, without a reason; queueport does after ${guard}`;
  const fix = `raise the provider's limit above ${guard}: queueport provision ${name}`;
  return [most < defaults.maxAttempts ? broken(what, fix) : warning(what, fix)];
}

/** Checks that a message can be leased for as long as a run may take. */
function leaseFindings(
  name: string,
  { traits, limits }: QueueDescription,
  worker: InMs<WorkerConfig>,
): Finding[] {
  const { timeoutMs = defaults.timeoutMs, graceMs = defaults.graceMs } = worker;
  const wantedMs = worker.leaseMs ?? defaults.leaseMs;
  const leaseMs = traits.fixedLeaseMs ?? wantedMs;
  const runMs = timeoutMs + graceMs + (worker.hardLimitMs ?? defaults.hardLimitMs);
  const findings: Finding[] = [];
  if (leaseMs > limits.maxLeaseMs) {
    const fix = `set worker.leaseMs to at most ${limits.maxLeaseMs}`;
    findings.push(broken(`queue ${name}: a lease of ${leaseMs} ms is longer than the provider allows`, fix));
  }
  if (runMs > limits.maxTotalLeaseMs) {
    const what = `queue ${name}: a run may take ${runMs} ms; the provider leases a message for ${limits.maxTotalLeaseMs} ms at most`;
    findings.push(broken(what, "lower worker.timeoutMs, or split the job"));
  }
  const extendFix = "set worker.extendEveryMs to a third of the lease";
  if (worker.extendEveryMs !== undefined && worker.extendEveryMs >= leaseMs) {
    const what = `queue ${name}: a lease of ${leaseMs} ms ends before it is extended`;
    findings.push(broken(what, extendFix));
  } else if (worker.extendEveryMs !== undefined && worker.extendEveryMs * 2 > leaseMs) {
    const what = `queue ${name}: a lease of ${leaseMs} ms is lost if one extension fails`;
    findings.push(warning(what, extendFix));
  }
  if (worker.leaseMs !== undefined && traits.fixedLeaseMs !== undefined && traits.fixedLeaseMs !== wantedMs) {
    const what = `queue ${name}: its lease is ${traits.fixedLeaseMs} ms, set on the queue; worker.leaseMs is ${wantedMs}`;
    findings.push(warning(what, `queueport provision ${name}, or remove worker.leaseMs`));
  }
  if (findings.length > 0) return findings;
  return [ok(`queue ${name}: a lease of ${leaseMs} ms, extended for runs of up to ${timeoutMs} ms`)];
}
