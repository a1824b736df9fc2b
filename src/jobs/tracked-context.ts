import type { JobContext } from "../worker/types.ts";
import type { Json } from "./json.ts";
import type { JobLogLine, Priority } from "./store/job-row.ts";

/** The options of {@link TrackedContext.iterate}. */
export interface IterateOptions<Item> {
  /** Names the iteration within its job. */
  readonly key: string;
  /** Handles one item. Called for one after the other. */
  readonly each: (item: Item, index: number) => unknown;
  /**
   * The place of an item, from which the iteration can go on after it. Needed if `from` is a function of the cursor.
   * @default the number of the item
   */
  readonly cursor?: ((item: Item) => Json) | undefined;
  /** Number of items. The progress of the job then follows from it. @default unknown */
  readonly total?: number | undefined;
  /** Milliseconds between two savings of the place. @default 5000 */
  readonly flushMs?: number | undefined;
}

/** The context of one run of a job that is tracked. Its members can be destructured. */
export interface TrackedContext extends JobContext {
  /** The id of the job: the same over all of its attempts. To pass to services that refuse to do a thing twice. */
  readonly idempotencyKey: string;
  /**
   * Higher than that of every run of this job before. A write with a lower fence than one that was seen comes from a run
   * that was taken over.
   *
   * @throws QueueError `not_supported` when the run is untracked, as the store could not be reached
   */
  readonly fence: number;
  /** Whether the run is recorded; false if the store could not be reached, or the type is not tracked. */
  readonly isTracked: boolean;
  readonly tenant: string | undefined;
  readonly priority: Priority;
  /** The value of the last {@link save}, also of a run before; undefined if there is none. */
  readonly saved: Json | undefined;
  /**
   * Saves a checkpoint: any JSON value of up to 256 KB. Resolves when it is durable. If the store cannot be reached, it
   * resolves when the value is kept for later.
   *
   * @throws QueueError `invalid_options` when the value is not JSON, `too_large`, `lease_lost` when another run has the job
   */
  readonly save: (value: Json) => Promise<void>;
  /**
   * Runs a step of the job once. Its result is recorded when it has resolved, and a later run of the job gets the recorded
   * result without running it. `undefined` is recorded as `null`.
   *
   * @throws QueueError `invalid_options` when the name was used before in this run, or the result is not JSON
   */
  readonly step: <T extends Json | undefined | void>(name: string, work: () => T | Promise<T>) => Promise<T>;
  /**
   * Handles items one after the other. The place is saved every few seconds, and a later run of the job goes on behind it.
   * In a drain, or after a cancellation, it stops between two items, saves its place, and rejects with the reason of the
   * signal: the job goes back without counting an attempt.
   */
  readonly iterate: <Item>(
    from:
      | Iterable<Item>
      | AsyncIterable<Item>
      | ((cursor: Json | undefined) => Iterable<Item> | AsyncIterable<Item>),
    options: IterateOptions<Item>,
  ) => Promise<void>;
  /** Adds a line to the log of the job, and to the worker's logger. A job keeps its last 100 lines, up to 64 KB. */
  readonly log: (
    level: JobLogLine["level"],
    message: string,
    fields?: Readonly<Record<string, Json>>,
  ) => void;
}
