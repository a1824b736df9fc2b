import { QueueError } from "../../errors.ts";
import { show } from "../../lib/text.ts";
import type { JobsContext } from "../context.ts";
import { type JobSnapshot, snapshotOf } from "../job-snapshot.ts";
import type { Json } from "../json.ts";
import { reasonOf } from "../reason.ts";
import type { StoredJob } from "../store/job-row.ts";
import { checkId } from "../send/send-options.ts";
import type { JobPart } from "../store/job-store.ts";

/** The parts of a job that are read on request, since they may be large. */
export type JobInclude = "payload" | "result" | "logs";

const PART_OF: Readonly<Record<JobInclude, JobPart>> = { payload: "message", result: "result", logs: "logs" };

/** Reads one job with the parts that are asked for. */
export async function getJob(
  context: JobsContext,
  id: string,
  include: readonly JobInclude[],
): Promise<JobSnapshot | undefined> {
  checkId("get", id);
  const { records, clock } = context;
  const stored = await records.get(id, partsOf(include));
  if (stored === undefined) return undefined;
  const isEncoded = stored.message?.encoding !== undefined;
  return snapshotOf(isEncoded ? await inClear(context, stored) : stored, clock.now());
}

/** The job with its payload in clear, if the queue has the codec for it. A payload that cannot be decoded stays encoded. */
async function inClear({ queue: { codec }, warn }: JobsContext, stored: StoredJob): Promise<StoredJob> {
  const { row, message } = stored;
  if (codec === undefined || message?.encoding === undefined) return stored;
  const { payload, encoding } = message;
  try {
    const decoded = (await codec.decode(row.queue, row, { payload, encoding })) as Json;
    return { ...stored, message: { ...message, payload: decoded, encoding: undefined } };
  } catch (error) {
    warn(
      "decode",
      `The payload of job ${row.id} is shown as the codec of queue "${row.queue}" has encoded it, which could not decode it: ${reasonOf(error)}.`,
    );
    return stored;
  }
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
