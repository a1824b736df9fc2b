import {
  createJobs,
  type Jobs,
  type JobsOptions,
  type JobStore,
  memoryJobStore,
} from "../../../src/jobs/index.ts";
import {
  faultyJobStore,
  type StoreCall,
  type StoreFault,
} from "../../../src/jobs/testing/faulty-job-store.ts";
import type { Delivery } from "../../../src/driver/contract.ts";
import { QueueFixture, type QueueFixtureOptions } from "../support.ts";

/** A warning of the jobs: its code and its sentence. */
export type Warning = readonly [code: string, message: string];

/** Jobs over a memory queue and a memory store, on a fake clock. */
export class JobsFixture extends QueueFixture {
  readonly warnings: Warning[] = [];
  readonly store: JobStore;
  /** Chooses the fault of each call of the store. A test may replace it. */
  storeFault: (call: StoreCall) => StoreFault | undefined = () => undefined;

  constructor(options: QueueFixtureOptions = {}) {
    super(options);
    const { clock } = this;
    this.store = faultyJobStore(memoryJobStore({ clock }), {
      clock,
      before: (call) => this.storeFault(call),
    });
  }

  /** The messages that wait in a queue. They stay there. */
  async messages(queue: string = "jobs"): Promise<Delivery[]> {
    await this.clock.settle();
    return this.peek(queue);
  }

  jobs(options: Partial<JobsOptions> = {}): Promise<Jobs> {
    return createJobs(this.queue, {
      store: this.store,
      queueOf: () => "jobs",
      onWarning: (code, message) => this.warnings.push([code, message]),
      ...options,
    });
  }
}
