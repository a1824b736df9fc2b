import { sleep, systemClock } from "../../../src/driver/index.ts";
import type { JobAnswer, JobChange } from "../../../src/jobs/store/index.ts";
import { notRecorded } from "../../sql/job-store/not-recorded.ts";
import { takesName } from "./batch.ts";
import { isContended, isOfValue } from "./failure.ts";

/** Changes of one transaction that each take a lock on a name: a server has room for some thousands of them. */
const MAX_NAMED = 100;
/**
 * Milliseconds for which changes are tried that another transaction keeps from being made: of a batch, in which others wait
 * for them, and one that is alone. Transactions of stores take some milliseconds, those of applications any time.
 */
const [PATIENCE_MS, PATIENCE_ALONE_MS] = [75, 1_000];
const AGAIN_AFTER_MS = 10;

/** Applies some changes in one transaction. */
type Apply = (changes: readonly JobChange[]) => Promise<readonly JobAnswer[]>;

/**
 * Applies changes, in as few transactions as possible. A change that another transaction keeps from being made is tried
 * again for a while, and is then answered `again`.
 */
export async function applyAll(changes: readonly JobChange[], apply: Apply): Promise<JobAnswer[]> {
  const answers = new Map<string, JobAnswer>();
  const until = performance.now() + (changes.length === 1 ? PATIENCE_ALONE_MS : PATIENCE_MS);
  for (let open = changes; ;) {
    for (const some of transactionsOf(open)) await applySome(some, apply, answers);
    open = open.filter(({ id }) => answers.get(id)?.do === "again");
    if (open.length === 0 || performance.now() >= until) break;
    // Random, so that processes that wait for one row do not meet again.
    await sleep(systemClock, AGAIN_AFTER_MS * (0.5 + Math.random()));
  }
  return changes.map(({ id }) => answers.get(id) ?? { do: "again" });
}

/** Applies changes in one transaction, and in halves if one of them keeps the others from being written. */
async function applySome(
  changes: readonly JobChange[],
  apply: Apply,
  answers: Map<string, JobAnswer>,
): Promise<void> {
  try {
    const all = await apply(changes);
    for (const [index, { id }] of changes.entries()) answers.set(id, all[index] as JobAnswer);
  } catch (error) {
    const isContention = isContended(error);
    if (!isContention && !isOfValue(error)) throw error;
    const [only] = changes;
    if (changes.length > 1) {
      const middle = Math.ceil(changes.length / 2);
      for (const half of [changes.slice(0, middle), changes.slice(middle)])
        await applySome(half, apply, answers);
    } else if (only !== undefined) {
      if (!isContention) throw notRecorded(only.id, error);
      answers.set(only.id, { do: "again" });
    }
  }
}

/** The changes of each transaction, in their order. */
function transactionsOf(changes: readonly JobChange[]): (readonly JobChange[])[] {
  const parts: JobChange[][] = [];
  let named = MAX_NAMED;
  for (const change of changes) {
    const isNamed = takesName(change);
    if (parts.length === 0 || (isNamed && named === MAX_NAMED)) {
      parts.push([]);
      named = 0;
    }
    if (isNamed) named += 1;
    parts.at(-1)?.push(change);
  }
  return parts;
}
