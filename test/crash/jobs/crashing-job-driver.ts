import { type Driver, type Outgoing, siblingQueue, type Source } from "../../../src/driver/index.ts";
import { idIn } from "../message-id.ts";
import type { JobProcessConfig } from "./config.ts";
import type { JobLog } from "./job-log.ts";
import type { JobCrashPoint } from "./points.ts";
import type { JobCrashTrigger } from "./trigger.ts";

const OPERATOR_LEASE_MS = 15_000;

/** The driver of a process with recorded jobs, which dies between two requests. */
export function crashingJobDriver(
  inner: Driver,
  trigger: JobCrashTrigger,
  log: JobLog,
  { queue: main, role }: Pick<JobProcessConfig, "queue" | "role">,
): Driver {
  const deadLetters = siblingQueue(main, "-dlq");
  return {
    provider: inner.provider,
    scope: inner.scope,
    // Forces every retry to send a copy, so that the process can die between the copy and the acknowledgement.
    limits: {
      ...inner.limits,
      maxReleaseDelayMs: 0,
      // A killed operator holds the dead letters that it has looked at no longer than this. It would be 5 minutes.
      ...(role === "operator" ? { maxLeaseMs: Math.min(OPERATOR_LEASE_MS, inner.limits.maxLeaseMs) } : {}),
    },
    describe: (queue) => inner.describe(queue),
    classify: (error) => inner.classify(error),
    async send(queue, messages, signal) {
      const results = await inner.send(queue, messages, signal);
      if (queue === deadLetters) trigger.pass("dead_letter_copied");
      else for (const message of messages) trigger.pass(pointOf(message, role));
      return results;
    },
    open: (queue, options) => crashingSource(inner.open(queue, options), trigger, log),
    stats: (queue) => inner.stats(queue),
    close: () => inner.close(),
  };
}

function pointOf({ attributes }: Outgoing, role: JobProcessConfig["role"]): JobCrashPoint {
  if (attributes["qp_attempt"] !== undefined) return "retry_copied";
  if (role === "operator" && attributes["qp_redrive"] !== undefined) return "redriven";
  return attributes["qp_job"] === undefined ? "plain_accepted" : "dispatch_sent";
}

function crashingSource(inner: Source, trigger: JobCrashTrigger, log: JobLog): Source {
  return {
    next: (max, signal) => inner.next(max, signal),
    async settle(operations) {
      const results = await inner.settle(operations);
      for (const [index, { kind, delivery }] of operations.entries()) {
        if (kind !== "ack" || results[index]?.ok !== true) continue;
        log.write({ kind: "acked", id: idIn(delivery), process: process.pid });
        trigger.pass("acknowledged");
      }
      if (operations.some(({ kind }) => kind === "dead_letter")) trigger.pass("dead_letter_copied");
      return results;
    },
    stop: () => inner.stop(),
    close: () => inner.close(),
  };
}
