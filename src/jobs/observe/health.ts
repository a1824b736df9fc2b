import { describeError } from "../../errors.ts";
import type { JobsContext } from "../context.ts";
import type { JobCount } from "../store/job-store.ts";

/** The health of the job system, from the store. */
export interface JobsHealth {
  readonly status: "ok" | "degraded" | "failing";
  /** Sentences that say what is wrong; empty if nothing is. */
  readonly problems: readonly string[];
  readonly store: {
    readonly name: string;
    readonly reachable: boolean;
    /** Milliseconds of one request. */
    readonly latencyMs: number | undefined;
    /** Ends that wait for the store to be back. */
    readonly journaled: number;
    /** Changes that were dropped since the journal was full. */
    readonly dropped: number;
  };
  /** Milliseconds for which the job that is most overdue should have been sent to its queue; 0 if none is. */
  readonly dispatchLagMs: number;
  /** Milliseconds since the oldest job that waits for a worker was created; undefined if none waits. */
  readonly oldestQueuedMs: number | undefined;
  /** Jobs that are `processing`, and of which no run is known to go on. */
  readonly stalled: number;
  /** Workers that were seen within the last minute. */
  readonly workers: number;
  readonly unfinished: readonly JobCount[];
}

/** Time that a request of the health has. */
const ASK_MS = 2_000;
/** A job that should have been sent for this long is a problem. */
const LAG_MS = 10_000;

/** The health of the job system, from the store. */
export async function healthOf({ records }: JobsContext): Promise<JobsHealth> {
  const { store, clock, writer } = records;
  const { journaled, dropped } = writer.stats;
  const begun = clock.monotonic();
  try {
    const now = await records.read((one) => one.now(), ASK_MS);
    const latencyMs = clock.monotonic() - begun;
    const one = { limit: 1, order: "oldest" } as const;
    const [unfinished, nextDueAt, lapsed, queued, workers] = await Promise.all([
      records.read((from, namespace) => from.counts(namespace), ASK_MS),
      records.read((from, namespace) => from.nextDueAt(namespace), ASK_MS),
      records.read((from, namespace) => from.list(namespace, { isStalled: true }, one), ASK_MS),
      records.read(
        (from, namespace) => from.list(namespace, { status: ["queued"] }, { ...one, maxTotal: 1 }),
        ASK_MS,
      ),
      records.read((from, namespace) => from.workers(namespace), ASK_MS),
    ]);
    const [oldest] = queued.rows;
    const dispatchLagMs = nextDueAt === undefined ? 0 : Math.max(0, now - nextDueAt);
    const stalled = lapsed.total;
    const problems = [
      ...(dispatchLagMs > LAG_MS
        ? [
            "Jobs that are due are not sent to their queue. Start a worker of jobs.worker(), or jobs.dispatch().",
          ]
        : []),
      ...(stalled > 0
        ? [`${stalled} jobs are processing, and no run of them is known to go on. See jobs.reconcile().`]
        : []),
      ...(oldest !== undefined && workers.length === 0
        ? ["Jobs wait, and no worker was seen within a minute."]
        : []),
      ...(journaled > 0 ? [`${journaled} changes of this process wait for the store.`] : []),
    ];
    return {
      status: problems.length === 0 ? "ok" : "degraded",
      problems,
      store: { name: store.name, reachable: true, latencyMs, journaled, dropped },
      dispatchLagMs,
      oldestQueuedMs: oldest === undefined ? undefined : Math.max(0, now - oldest.createdAt),
      stalled,
      workers: workers.length,
      unfinished,
    };
  } catch (error) {
    return {
      status: "failing",
      problems: [describeError(error)],
      store: { name: store.name, reachable: false, latencyMs: undefined, journaled, dropped },
      dispatchLagMs: 0,
      oldestQueuedMs: undefined,
      stalled: 0,
      workers: 0,
      unfinished: [],
    };
  }
}
