import type { JobAnswer, JobChange } from "../../store/change.ts";
import type { JobPart, JobStore, JobStoreCapabilities } from "../../store/job-store.ts";
import type { JobRow, StoredJob } from "../../store/job-row.ts";
import type { JobStoreHarness, StoreClock, StoreTransaction } from "../harness.ts";
import { Changes } from "./changes.ts";

/** The parts of a job that can be read on request. */
export const ALL_PARTS: readonly JobPart[] = ["message", "result", "saved", "logs"];
/** The fingerprint under which the suite opens its namespaces. */
export const FINGERPRINT = "conformance";

const STEP_MS = 10;
/** Milliseconds for which a busy machine may suspend this process. */
const BUSY_MS = 3_000;

/** One case at work: a namespace of its own in the store, and further instances of the store on request. */
export class StoreContext {
  readonly store: JobStore;
  readonly namespace: string;
  readonly clock: StoreClock;
  /** Creates changes whose times are those of the clock. */
  readonly make: Changes;
  /** Seed of the random cases. */
  readonly seed: number;
  /** Number of steps of each random case. */
  readonly steps: number;
  readonly #harness: JobStoreHarness;
  readonly #opened: JobStore[] = [];

  constructor(
    harness: JobStoreHarness,
    store: JobStore,
    options: { readonly namespace: string; readonly seed: number; readonly steps: number },
  ) {
    this.#harness = harness;
    this.store = store;
    this.namespace = options.namespace;
    this.seed = options.seed;
    this.steps = options.steps;
    this.clock = harness.clock;
    this.make = new Changes(harness.clock);
  }

  get capabilities(): JobStoreCapabilities {
    return this.store.capabilities;
  }

  /** Opens another instance of the store, with this namespace. It is closed after the case. */
  readonly another = async (): Promise<JobStore> => {
    const store = await this.anotherUnopened();
    await store.open(this.namespace, FINGERPRINT);
    return store;
  };

  /** Opens another instance of the store, for the case to open its namespaces. It is closed after the case. */
  readonly anotherUnopened = async (): Promise<JobStore> => {
    const store = await this.#harness.open();
    this.#opened.push(store);
    return store;
  };

  /** Begins a transaction of an application. */
  readonly beginTransaction = async (): Promise<StoreTransaction> => {
    const transaction = await this.#harness.beginTransaction?.();
    if (transaction === undefined)
      throw new Error("the store is transactional, and its harness has no beginTransaction");
    return transaction;
  };

  /** Applies changes of different jobs in one call. The functions of a context can be destructured. */
  readonly apply = (...changes: JobChange[]): Promise<JobAnswer[]> =>
    this.store.apply(this.namespace, changes);

  /**
   * Applies one change, at once if the store does that, and returns its answer as one of a certain kind, which the case
   * then compares.
   */
  readonly one = async <Answer = JobAnswer>(change: JobChange): Promise<Answer> => {
    const now = this.store.applyNow?.(this.namespace, change);
    const [answer] = now === undefined ? await this.apply(change) : [now];
    return answer as Answer;
  };

  /** Applies changes one after the other, also of one job. */
  readonly each = async (...changes: JobChange[]): Promise<JobAnswer[]> => {
    const answers: JobAnswer[] = [];
    for (const change of changes) answers.push(await this.one(change));
    return answers;
  };

  /** Reads a job with all of its parts. */
  readonly read = async (id: string, store: JobStore = this.store): Promise<StoredJob | undefined> => {
    const [job] = await store.get(this.namespace, [id], ALL_PARTS);
    return job;
  };

  /** The row of a job that exists. */
  readonly row = async (id: string, store: JobStore = this.store): Promise<JobRow> => {
    const job = await this.read(id, store);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    return job.row;
  };

  readonly wait = async (ms: number): Promise<void> => {
    await this.clock.advance(ms);
  };

  /**
   * Waits until a condition holds: in real time and by the clock, since a store may look for changes by either.
   * @param ms the time in which it has to hold. @default `pushMs` of the store
   */
  readonly hears = async (
    subject: string,
    holds: () => boolean,
    ms: number = this.capabilities.pushMs,
  ): Promise<void> => {
    const until = performance.now() + ms + BUSY_MS;
    let left = ms;
    while (!holds()) {
      if (left <= 0 && performance.now() >= until)
        throw new Error(`${subject} was not reported within ${ms} ms`);
      const step = Math.min(left, STEP_MS);
      if (step > 0) await this.clock.advance(step);
      left -= step;
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
  };

  async close(): Promise<void> {
    for (const store of this.#opened) await store.close();
  }
}
