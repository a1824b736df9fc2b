import type { JobAnswer, JobChange } from "../../store/change.ts";
import type { JobStore } from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { expectSameJson } from "../kit/compare.ts";
import {
  compareChanges,
  compareCounts,
  type Compared,
  compareDue,
  compareJobs,
  compareList,
  comparePrune,
  type Reader,
} from "../kit/model-reads.ts";
import { Random } from "../kit/random.ts";
import { RandomChanges } from "../kit/random-changes.ts";
import type { StoreContext } from "../kit/store-context.ts";
import { StoreModel } from "../kit/store-model.ts";
import { cursorOf } from "./change-feed.ts";

/** Changes of the past from which some are repeated. */
const HISTORY = 60;

export const modelCases: readonly JobStoreCase[] = group("model", [
  {
    name: "random changes of a few jobs, in order, reversed and repeated, leave what the rules say",
    run: (context) => runModel(context, 8, 0),
  },
  {
    name: "random changes of many jobs, with records that are pruned meanwhile, leave what the rules say",
    run: (context) => runModel(context, 40, 0.06),
  },
]);

async function runModel(context: StoreContext, jobs: number, pruned: number): Promise<void> {
  const { seed, steps, make, namespace, store, clock, wait, capabilities } = context;
  const random = new Random(seed * 7_919 + jobs);
  const model = new StoreModel();
  const changes = new RandomChanges(random, make);
  const stores = capabilities.shared ? [store, await context.another()] : [store];
  const ids = Array.from({ length: jobs }, (_, index) => `job-${index}`);
  const readers: Reader[] = [];
  const history: JobChange[] = [];
  const readings: readonly ((compared: Compared) => Promise<void>)[] = [
    compareJobs,
    compareList,
    compareList,
    compareCounts,
    compareDue,
    (compared) => compareChanges(compared, random.pick(readers)),
  ];
  const apply = async (batch: readonly JobChange[]): Promise<void> => {
    const expected = batch.map((change) => model.apply(change, clock.now()));
    const answers = await answersOf(random.pick(stores), namespace, batch, random);
    for (const [index, change] of batch.entries())
      expectSameJson(`the answer to ${JSON.stringify(change)}`, answers[index], expected[index]);
  };
  for (let count = 0; count < 3; count += 1)
    readers.push({ cursor: await cursorOf(store, namespace), seq: 0 });
  for (let step = 0; step < steps; step += 1) {
    try {
      const batch = batchOf(random, changes, model, history, ids);
      await apply(batch);
      // As if the answer had been lost.
      if (random.chance(0.15)) await apply(random.chance(0.5) ? batch : batch.toReversed());
      await wait(random.pick([1, 1, 10, 1_000, 10_000, 60_000, random.chance(0.2) ? 3_600_000 : 1]));
      const compared = { store: random.pick(stores), namespace, model, random, now: clock.now(), ids };
      if (random.chance(0.5)) await random.pick(readings)(compared);
      if (random.chance(pruned)) await comparePrune(compared);
    } catch (error) {
      throw new Error(
        `step ${step} of seed ${seed}: ${error instanceof Error ? error.message : String(error)}`,
        {
          cause: error,
        },
      );
    }
  }
  const compared = { store, namespace, model, random, now: clock.now(), ids };
  await compareJobs(compared);
  await compareCounts(compared);
  for (const reader of readers) await compareChanges(compared, reader);
}

/** Applies a batch; one change at a time, now and then, if the store applies changes at once. */
async function answersOf(
  store: JobStore,
  namespace: string,
  batch: readonly JobChange[],
  random: Random,
): Promise<readonly (JobAnswer | undefined)[]> {
  if (store.applyNow === undefined || random.chance(0.5)) return store.apply(namespace, batch);
  const answers: (JobAnswer | undefined)[] = [];
  for (const change of batch)
    answers.push(store.applyNow(namespace, change) ?? (await store.apply(namespace, [change]))[0]);
  return answers;
}

/** A batch with at most one change of each job: new ones, and some of the past. */
function batchOf(
  random: Random,
  changes: RandomChanges,
  model: StoreModel,
  history: JobChange[],
  ids: readonly string[],
): JobChange[] {
  const batch = random.some(ids, random.pick([1, 1, 2, 3, 6])).map((id) => {
    const earlier = random.chance(0.12) ? history.filter((one) => one.id === id) : [];
    return earlier.length > 0 ? random.pick(earlier) : changes.of(id, model.row(id));
  });
  history.push(...batch);
  history.splice(0, history.length - HISTORY);
  return batch;
}
