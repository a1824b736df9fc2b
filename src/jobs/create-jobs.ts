import { checkKeys, isQueueError, type KnownKeys, QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";
import { within } from "../lib/wait.ts";
import type { ManagedQueue } from "../queue/managed-receive.ts";
import type { Queue } from "../queue/queue.ts";
import { CoreJobs } from "./core-jobs.ts";
import { JobTypes } from "./job-types.ts";
import type { JobsOptions } from "./jobs-options.ts";
import type { Jobs } from "./jobs.ts";
import { keepingOf } from "./keep/policy.ts";
import { observedStore } from "./observed-store.ts";
import { openedStore } from "./opened-store.ts";
import { reasonOf } from "./reason.ts";
import { Records } from "./records.ts";
import { QueueLimits } from "./send/queue-limits.ts";
import { checkName } from "./send/send-options.ts";
import type { JobStore } from "./store/job-store.ts";
import { warnings } from "./warnings.ts";
import { JobWriter } from "./writes/job-writer.ts";

const KEYS: KnownKeys<JobsOptions> = {
  store: true,
  definitions: true,
  queueOf: true,
  namespace: true,
  whenStoreIsDown: true,
  track: true,
  maxAttempts: true,
  maxJobs: true,
  retention: true,
  archive: true,
  migrate: true,
  onWarning: true,
};

const MAX_NAMESPACE_BYTES = 256;
const OPEN_MS = 5_000;
/** Time that a migration has. Other processes may have one under way. */
const MIGRATE_MS = 600_000;

/**
 * Creates jobs over a queue and a store. The queue carries them, and the store remembers them. Both stay the caller's: close
 * the jobs first, then the queue, then the store.
 *
 * While the store cannot be reached, jobs run all the same, untracked, unless `whenStoreIsDown` says `wait`. A job that is
 * recorded before it is sent (with an id, an idempotency key or a delay) is then refused as `store_unavailable`. The same
 * holds if the store cannot be reached from the start: it is opened when it is back.
 *
 * @throws QueueError `invalid_options` when an option is wrong
 * @throws QueueError `config` when the store has no schema, or the namespace belongs to other queues
 *
 * @example
 * import { createQueue } from "queueport";
 * import { createJobs, memoryJobStore } from "queueport/jobs";
 * import { memory } from "queueport/memory";
 *
 * const queue = createQueue(memory());
 * const jobs = await createJobs(queue, { store: memoryJobStore() });
 * const job = await jobs.send({ type: "resize", payload: { width: 400 } }, { queue: "images" });
 * console.log((await job.get())?.status);
 */
export async function createJobs(queue: Queue, options: JobsOptions): Promise<Jobs> {
  const managed = queue as ManagedQueue;
  if (typeof managed?.sendManaged !== "function")
    throw new QueueError(
      "invalid_options",
      `createJobs takes a queue that createQueue or openQueue has returned; got ${show(queue)}.`,
    );
  if (typeof options !== "object" || options === null)
    throw new QueueError("invalid_options", `createJobs needs options with a store; got ${show(options)}.`);
  checkKeys("createJobs", options, KEYS);
  const {
    store: given,
    onWarning,
    namespace = managed.scope,
    whenStoreIsDown = "run",
    definitions = [],
  } = options;
  if (typeof given?.apply !== "function")
    throw new QueueError(
      "invalid_options",
      `createJobs: store is a job store, such as memoryJobStore(); got ${show(given)}.`,
    );
  checkName("createJobs", "namespace", namespace, MAX_NAMESPACE_BYTES);
  if (whenStoreIsDown !== "run" && whenStoreIsDown !== "wait")
    throw new QueueError(
      "invalid_options",
      `createJobs: whenStoreIsDown is "run" or "wait"; got ${show(whenStoreIsDown)}.`,
    );
  const { clock } = queue;
  const observed = observedStore(given, queue, clock);
  const warn = warnings(clock, onWarning);
  const open = async (): Promise<void> => {
    if (options.migrate === true)
      await within(clock, MIGRATE_MS, observed.migrate(), () => tooLate(given, "migrated"));
    await within(clock, OPEN_MS, observed.open(namespace, managed.scope), () => tooLate(given, "opened"));
  };
  const { store, opened } = openedStore(observed, open, warn);
  const types = new JobTypes(options);
  const keeping = keepingOf(options.retention, options.archive);
  const writer = new JobWriter(store, namespace, { clock, onWarning: warn });
  const records = new Records(store, namespace, clock, writer);
  const limits = new QueueLimits(records, options.maxJobs);
  try {
    await opened();
  } catch (error) {
    if (!isQueueError(error, "store_unavailable")) throw error;
    warn(
      "store_down",
      `The job store "${given.name}" cannot be opened: ${reasonOf(error)}. It is opened as soon as it is back; jobs go on as \`whenStoreIsDown\` says.`,
    );
  }
  if (managed.isProcessLocal && store.capabilities.shared)
    warn(
      "queue_not_shared",
      `The job store "${given.name}" is shared with other processes, and the queues of "${queue.provider}" are those of this process. A worker in another process never gets a job that is sent here, and jobs that wait are gone when this process ends, while their records stay "queued". For more than one process, use a provider that they share.`,
    );
  const context = { queue: managed, records, namespace, clock, types, warn };
  const policy = { track: options.track ?? "full", whenStoreIsDown };
  return new CoreJobs({ context, limits, keeping, policy, definitions });
}

function tooLate({ name }: JobStore, what: string): never {
  throw new QueueError("store_unavailable", `The job store "${name}" could not be ${what} in time.`, {
    retryable: true,
  });
}
