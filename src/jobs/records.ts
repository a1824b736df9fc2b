import { isQueueError, QueueError } from "../errors.ts";
import type { Clock } from "../lib/clock.ts";
import { within } from "../lib/wait.ts";
import { reasonOf } from "./reason.ts";
import type { JobChange } from "./store/change.ts";
import type { StoredJob } from "./store/job-row.ts";
import type { JobPart, JobStore } from "./store/job-store.ts";
import type { JobWriter } from "./writes/job-writer.ts";
import type { AnswerTo } from "./writes/writer-types.ts";

/** Milliseconds for which a read may take. */
const READ_MS = 10_000;

/** The records of one namespace: calls of the store, each with a time limit, and with errors that say what to do. */
export class Records {
  readonly store: JobStore;
  readonly namespace: string;
  readonly clock: Clock;
  readonly writer: JobWriter;

  constructor(store: JobStore, namespace: string, clock: Clock, writer: JobWriter) {
    this.store = store;
    this.namespace = namespace;
    this.clock = clock;
    this.writer = writer;
  }

  /**
   * Writes one change, after the earlier ones of its job.
   * @throws QueueError `store_unavailable` when the store does not answer in time; the change may have been applied
   */
  change<Change extends JobChange>(change: Change): Promise<AnswerTo<Change>> {
    return this.writer.write(change);
  }

  /** Reads one job. */
  async get(id: string, parts?: readonly JobPart[]): Promise<StoredJob | undefined> {
    const [job] = await this.read((store, namespace) => store.get(namespace, [id], parts));
    return job;
  }

  /**
   * Makes a request of the store, within a time limit. Every error is a `QueueError`.
   * @throws QueueError `store_unavailable` when the store does not answer in time
   */
  async read<T>(
    request: (store: JobStore, namespace: string) => Promise<T>,
    maxMs: number = READ_MS,
  ): Promise<T> {
    const { clock, store, namespace } = this;
    try {
      return await within(
        clock,
        maxMs,
        // A store that throws rejects all the same.
        (async () => request(store, namespace))(),
        () => {
          throw unavailable(store, `it did not answer within ${maxMs} ms`);
        },
        true,
      );
    } catch (error) {
      throw isQueueError(error) ? error : unavailable(store, reasonOf(error), error);
    }
  }
}

function unavailable({ name }: JobStore, why: string, cause?: unknown): QueueError {
  return new QueueError(
    "store_unavailable",
    `The job store (${name}) could not be used: ${why}. Try again when it is back.`,
    { retryable: true, cause },
  );
}
