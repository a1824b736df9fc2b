import { QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import type { JobInclude } from "../jobs.ts";
import type { Records } from "../records.ts";
import { checkId } from "../send/send-options.ts";
import type { JobPart } from "../store/job-store.ts";

const PART_OF: Readonly<Record<JobInclude, JobPart>> = { payload: "message", result: "result", logs: "logs" };

/** Reads one job with the parts that are asked for. */
export async function getJob(
  records: Records,
  id: string,
  include: readonly JobInclude[],
): Promise<JobSnapshot | undefined> {
  checkId("get", id);
  const stored = await records.get(id, partsOf(include));
  return stored === undefined ? undefined : snapshotOf(stored, records.clock.now());
}

function partsOf(include: unknown): JobPart[] {
  const given: unknown[] = Array.isArray(include) ? include : [include];
  return given.map((part) => {
    const isKnown = typeof part === "string" && Object.hasOwn(PART_OF, part);
    if (isKnown) return PART_OF[part as JobInclude];
    throw new QueueError(
      "invalid_options",
      `get: a job can include ${Object.keys(PART_OF).join(", ")}; got ${show(part)}.`,
    );
  });
}
