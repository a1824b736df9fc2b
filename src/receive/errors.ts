import { QueueError } from "../errors.ts";
import type { Run } from "./run.ts";

export function leaseLost(queue: string, id: string): QueueError {
  const sentence = `The lease on message ${id} of queue "${queue}" is lost: another receiver may run it now. Stop; what this run returns is discarded.`;
  return new QueueError("lease_lost", sentence, { queue });
}

export function drainDeadline(queue: string, drainMs: number): QueueError {
  const sentence = `The receiver of queue "${queue}" is shutting down, and its drain deadline of ${drainMs} ms has passed. Stop; the message is given back.`;
  return new QueueError("draining", sentence, { queue });
}

export function drainIncomplete(queue: string, left: readonly Run[]): QueueError {
  const names = left.slice(0, 5).map((run) => `${run.message.type} ${run.id}`);
  if (left.length > names.length) names.push(`${left.length - names.length} more`);
  const sentence = `${left.length} job(s) of queue "${queue}" ignored their signal and still run: ${names.join(", ")}. Their messages were given back and will run again. Let handlers heed context.signal.`;
  return new QueueError("drain_incomplete", sentence, { queue });
}
