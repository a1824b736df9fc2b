import {
  checkName,
  DriverError,
  type QueueChange,
  type QueueSpec,
  type QueueTraits,
  siblingQueue,
} from "../../../src/driver/index.ts";

/** The settings of one queue, as its row has them. */
export interface QueueRow {
  /** Whether the messages of one ordering key are delivered in order. */
  readonly ordered: boolean;
  /** The time within which a repeated `dedupId` is absorbed, in milliseconds. 0 if the queue does not deduplicate. */
  readonly dedupMs: number;
}

/** The names of queues that a table can hold and that a log shows as they are. */
const NAME = /^[^\p{Cc}\p{Cs}\s](?:[^\p{Cc}\p{Cs}]{0,198}[^\p{Cc}\p{Cs}\s])?$/u;

/**
 * Checks the name of a queue before anything is written.
 * @throws DriverError `permanent`
 */
export function checkQueueName(queue: string): void {
  checkName(
    queue,
    NAME,
    "a queue has 1 to 200 characters, without control characters, and begins and ends with no space",
  );
}

/** The queue, its dead-letter queue and its delay queue. */
export function withSiblings(queue: string): readonly [string, string, string] {
  return [queue, siblingQueue(queue, "-dlq"), siblingQueue(queue, "-delay")];
}

/** The traits of a queue by its row, or by the row that its first message would write. */
export function traitsOf(queue: string, { ordered, dedupMs }: QueueRow): QueueTraits {
  return {
    ordering: ordered ? "by_key" : "none",
    orderingKeyRequired: false,
    dedupWindowMs: dedupMs,
    deadLetter: "copy",
    deadLetterQueue: siblingQueue(queue, "-dlq"),
    delayQueue: siblingQueue(queue, "-delay"),
    nativeDelayMs: Number.POSITIVE_INFINITY,
    countsDeliveries: true,
  };
}

/** The row that `ensure` wants, for a queue with this row or without one. */
export function wantedRow({ ordering }: QueueSpec, found: QueueRow | undefined, dedupMs: number): QueueRow {
  return { ordered: ordering === undefined ? (found?.ordered ?? false) : ordering === "by_key", dedupMs };
}

/** Lists what `ensure` would change. `find` returns the row of a queue. */
export function changesOf(
  queue: string,
  spec: QueueSpec,
  dedupMs: number,
  find: (queue: string) => QueueRow | undefined,
): QueueChange[] {
  const created = withSiblings(queue)
    .filter((name) => find(name) === undefined)
    .map((name): QueueChange => ({ kind: "create", resource: `queue ${name}` }));
  const found = find(queue);
  if (found === undefined) return created;
  return [...created, ...rowChanges(queue, found, wantedRow(spec, found, dedupMs))];
}

/** Lists the settings in which a row differs from the one that is wanted. */
export function rowChanges(queue: string, found: QueueRow, wanted: QueueRow): QueueChange[] {
  const changes: QueueChange[] = [];
  const resource = `queue ${queue}`;
  if (found.ordered !== wanted.ordered) {
    const [from, to] = [found, wanted].map(({ ordered }) => (ordered ? "by_key" : "none"));
    changes.push({ kind: wanted.ordered ? "change" : "conflict", resource, setting: "ordering", from, to });
  }
  if (found.dedupMs !== wanted.dedupMs) {
    const [from, to] = [found, wanted].map(({ dedupMs: ms }) => String(ms));
    changes.push({ kind: "change", resource, setting: "dedupWindowMs", from, to });
  }
  return changes;
}

/**
 * Checks that a queue can become what `ensure` wants. One without order can get it: its messages have no key queues, and are
 * delivered as before. The other way round, the messages of a blocked key would be free.
 *
 * @throws DriverError `permanent`
 */
export function checkWanted(queue: string, found: QueueRow | undefined, wanted: QueueRow): void {
  if (found?.ordered !== true || wanted.ordered) return;
  throw new DriverError(
    "permanent",
    `Queue "${queue}" exists with the ordering "by_key", and cannot lose it; drop the queue first`,
  );
}
