import { checkKeys, QueueError } from "../../errors.ts";
import { sleep } from "../../lib/clock.ts";
import type { JobsContext } from "../context.ts";
import { snapshotOf } from "../job-snapshot.ts";
import type { Archive } from "../jobs-options.ts";
import { reasonOf } from "../reason.ts";
import type { PruneOutcome, PrunePolicy } from "../store/job-store.ts";

/** The options of `Jobs.prune`. */
export interface PruneOptions {
  /** Whether to delete nothing, and only to count. @default false */
  readonly dryRun?: boolean | undefined;
  /** Ends the operation after the current batch. @default none */
  readonly signal?: AbortSignal | undefined;
}

/** Jobs that are deleted in one request of the store. */
const BATCH = 5_000;
/** Jobs that are given to an archive at once, with their data. */
const ARCHIVED = 500;
/** Jobs that a dry run counts at most. */
const COUNTED = 10_000;
/** Time that a store has for a batch. */
const PRUNE_MS = 30_000;

/** How long records are kept, and where they go. */
export interface Keeping {
  readonly policy: PrunePolicy;
  readonly archive: Archive | undefined;
  /** Milliseconds between two prunings of a worker. */
  readonly everyMs: number;
}

/** Deletes what the policy does not keep. Returns the number of jobs: in a dry run, those that would be deleted, up to 10,000. */
export async function prune(
  context: JobsContext,
  keeping: Keeping,
  options: PruneOptions = {},
): Promise<number> {
  checkKeys("prune", options, { dryRun: true, signal: true });
  const { records, clock } = context;
  if (options.dryRun === true) {
    const found = await records.read(
      (store, namespace) => store.prunable(namespace, keeping.policy, COUNTED),
      PRUNE_MS,
    );
    return found.length;
  }
  let deleted = 0;
  for (;;) {
    const batch = await pruneBatch(context, keeping, options.signal);
    deleted += batch.deleted;
    if (!batch.hasMore || options.signal?.aborted === true) return deleted;
    // Jobs have their turn between two batches.
    await sleep(clock, 1, options.signal);
  }
}

async function pruneBatch(
  { records, clock }: JobsContext,
  { policy, archive }: Keeping,
  signal: AbortSignal | undefined,
): Promise<PruneOutcome> {
  if (archive === undefined)
    return records.read((store, namespace) => store.prune(namespace, policy, BATCH), PRUNE_MS);
  const found = await records.read(
    (store, namespace) => store.prunable(namespace, policy, ARCHIVED),
    PRUNE_MS,
  );
  const now = clock.now();
  try {
    if (found.length > 0) await archive(found.map((job) => snapshotOf(job, now)));
  } catch (cause) {
    throw new QueueError(
      "provider",
      `The archive of jobs failed, so nothing was deleted: ${reasonOf(cause)}.`,
      { retryable: true, cause },
    );
  }
  const ids = found.map(({ row }) => row.id);
  let [deleted, stripped] = [0, 0];
  for (;;) {
    const part = await records.read(
      (store, namespace) => store.prune(namespace, policy, BATCH, ids),
      PRUNE_MS,
    );
    deleted += part.deleted;
    stripped += part.stripped;
    // A store may need several requests. The jobs that are left are archived, and not to be given to the archive once more.
    if (!part.hasMore || signal?.aborted === true)
      return { deleted, stripped, hasMore: part.hasMore || found.length === ARCHIVED };
    await sleep(clock, 1, signal);
  }
}

/** Prunes from time to time, until `signal` aborts. */
export async function keepPruning(
  context: JobsContext,
  keeping: Keeping,
  signal: AbortSignal,
): Promise<void> {
  const { clock, warn } = context;
  for (;;) {
    await sleep(clock, keeping.everyMs, signal);
    if (signal.aborted) return;
    try {
      await prune(context, keeping, { signal });
    } catch (error) {
      warn("prune", `Old jobs could not be deleted: ${reasonOf(error)}. It is tried again.`);
    }
  }
}
