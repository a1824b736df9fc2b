import type { JobSnapshot } from "./job-snapshot.ts";
import type { CancelOutcome, JobHandle, ResultOptions, SentJobHandle } from "./jobs.ts";
import type { SentJob } from "./send/sent-job.ts";

/** The calls about one job. */
export interface JobCalls {
  get(id: string): Promise<JobSnapshot | undefined>;
  cancel(id: string, options: { readonly reason?: string | undefined }): Promise<CancelOutcome>;
  result(id: string, options: ResultOptions | undefined): Promise<unknown>;
}

/** A job by its id. */
export class CoreJobHandle<Result> implements JobHandle<Result> {
  readonly id: string;
  readonly #calls: JobCalls;

  constructor(id: string, calls: JobCalls) {
    this.id = id;
    this.#calls = calls;
  }

  get(): Promise<JobSnapshot | undefined> {
    return this.#calls.get(this.id);
  }

  async result(options?: ResultOptions): Promise<Result> {
    return (await this.#calls.result(this.id, options)) as Result;
  }

  cancel(reason?: string): Promise<CancelOutcome> {
    return this.#calls.cancel(this.id, { reason });
  }
}

/** A job that was sent by this process. */
export class CoreSentJobHandle<Result> extends CoreJobHandle<Result> implements SentJobHandle<Result> {
  readonly queue: string;
  readonly created: boolean;
  readonly tracked: boolean;

  constructor({ id, queue, created, tracked }: SentJob, calls: JobCalls) {
    super(id, calls);
    this.queue = queue;
    this.created = created;
    this.tracked = tracked;
  }
}
