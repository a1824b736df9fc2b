import { expectEqual } from "../../../conformance/kit/expect.ts";
import { MIN_KEPT_MS, type PrunePolicy } from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { expectMembers } from "../kit/compare.ts";
import type { StoreContext } from "../kit/store-context.ts";

const HOUR = 3_600_000;
const POLICY: PrunePolicy = {
  completedMs: 3 * HOUR,
  failedMs: 5 * HOUR,
  cancelledMs: 4 * HOUR,
  dataMs: 2 * HOUR,
  maxFinished: 1_000,
};

/** Creates one job in each finished state, and unfinished ones. */
async function arrange({ each, make }: StoreContext): Promise<void> {
  for (const outcome of ["completed", "failed", "cancelled", "retrying"] as const)
    await each(make.claim(outcome, "t"), make.end(outcome, "t", outcome, { result: { value: 1 } }));
  await each(
    make.insert("queued"),
    make.birth("scheduled", {}, { dueInMs: 1_000 }),
    make.claim("processing", "t"),
  );
}

const existing = async ({ store, namespace }: StoreContext): Promise<string[]> =>
  (await store.list(namespace, {}, { limit: 100, order: "oldest" })).rows.map(({ id }) => id).toSorted();

export const pruneCases: readonly JobStoreCase[] = group("prune", [
  {
    name: "each finished job is deleted when its time is over, and no unfinished one ever",
    async run(context) {
      const { store, namespace, wait, clock } = context;
      await arrange(context);
      const unfinished = ["processing", "queued", "retrying", "scheduled"];
      const after: string[][] = [];
      const start = clock.now();
      for (const hours of [3, 4, 5]) {
        await wait(start + hours * HOUR - clock.now());
        expectEqual(
          `jobs that are deleted after ${hours} hours`,
          (await store.prune(namespace, POLICY, 100)).deleted,
          0,
        );
        await wait(1);
        const due = await store.prunable(namespace, POLICY, 100);
        const outcome = await store.prune(namespace, POLICY, 100);
        expectMembers("the outcome", outcome, { deleted: 1, hasMore: false });
        after.push(due.map(({ row }) => row.id));
      }
      expectEqual("the jobs", after, [["completed"], ["cancelled"], ["failed"]]);
      await wait(1_000 * HOUR);
      await store.prune(namespace, POLICY, 100);
      expectEqual("the jobs that stay", await existing(context), unfinished);
      expectMembers("the job", await context.read("completed"), { row: undefined });
    },
  },
  {
    name: "the data of completed jobs is dropped first, and their records stay",
    async run(context) {
      const { store, namespace, wait, read } = context;
      await arrange(context);
      await wait(2 * HOUR + 1);
      expectMembers("the outcome", await store.prune(namespace, POLICY, 100), { deleted: 0, stripped: 1 });
      const job = await read("completed");
      expectMembers("the job", job, { message: undefined, result: undefined });
      expectMembers("its row", job?.row, { status: "completed", hasMessage: false, hasSaved: false });
      expectMembers("a failed job", await read("failed"), { message: { payload: { to: "ada" } } });
      expectMembers("the outcome again", await store.prune(namespace, POLICY, 100), {
        deleted: 0,
        stripped: 0,
        hasMore: false,
      });
      expectMembers(
        "a retry of it",
        await context.one(context.make.reopen("completed", "r", { force: true })),
        { ok: false },
      );
    },
  },
  {
    name: "the oldest go beyond the number that is kept, but none within an hour of its end",
    async run(context) {
      const { each, make, wait, store, namespace } = context;
      for (let index = 0; index < 6; index += 1) {
        await each(make.claim(`job-${index}`, "t"), make.end(`job-${index}`, "t", "completed"));
        await wait(1_000);
      }
      const few = { ...POLICY, maxFinished: 2 };
      expectMembers("at once", await store.prune(namespace, few, 100), { deleted: 0 });
      await wait(MIN_KEPT_MS - 4_000);
      expectEqual(
        "an hour after the second",
        (await store.prunable(namespace, few, 100)).map(({ row }) => row.id),
        ["job-0", "job-1"],
      );
      await wait(10_000);
      expectMembers("in batches", await store.prune(namespace, few, 3), { deleted: 3, hasMore: true });
      expectMembers("the rest", await store.prune(namespace, few, 3), { deleted: 1, hasMore: false });
      expectEqual("the jobs that stay", await existing(context), ["job-4", "job-5"]);
    },
  },
  {
    name: "no record is deleted within an hour of its end, whatever the policy says",
    async run(context) {
      const { store, namespace, wait } = context;
      await arrange(context);
      const strict = { completedMs: 0, failedMs: 0, cancelledMs: 0, dataMs: 0, maxFinished: 0 };
      await wait(MIN_KEPT_MS);
      expectMembers("after an hour", await store.prune(namespace, strict, 100), { deleted: 0 });
      await wait(1);
      expectMembers("later", await store.prune(namespace, strict, 100), { deleted: 3 });
    },
  },
  {
    name: "only the jobs are deleted that the archive has, with all of their data",
    async run(context) {
      const { store, namespace, wait } = context;
      await arrange(context);
      await wait(6 * HOUR);
      // They ended at the same time, so that they come in any order.
      const jobs = await store.prunable(namespace, POLICY, 100);
      expectEqual("the jobs for the archive", jobs.map(({ row }) => row.id).toSorted(), [
        "cancelled",
        "completed",
        "failed",
      ]);
      expectEqual("some of them", (await store.prunable(namespace, POLICY, 2)).length, 2);
      const completed = jobs.find(({ row }) => row.id === "completed");
      expectMembers("their data", completed, { message: { payload: { to: "ada" } }, result: 1 });
      expectMembers(
        "the outcome",
        await store.prune(namespace, POLICY, 100, ["completed", "queued", "none"]),
        { deleted: 1 },
      );
      expectEqual("the jobs that stay", await existing(context), [
        "cancelled",
        "failed",
        "processing",
        "queued",
        "retrying",
        "scheduled",
      ]);
      expectMembers("the outcome of no id", await store.prune(namespace, POLICY, 100, []), { deleted: 0 });
    },
  },
  {
    name: "a job is kept from its last end on, also if it ended in the same state before",
    async run({ each, one, make, wait, store, namespace }) {
      await each(make.claim("a", "t"), make.end("a", "t", "failed"));
      await wait(4 * HOUR);
      await each(make.claim("b", "t"), make.end("b", "t", "failed"));
      await wait(HOUR);
      await one(make.end("a", "u", "failed", { isUntracked: true, generation: 1 }));
      await wait(1);
      expectEqual("the jobs to prune", await store.prunable(namespace, POLICY, 100), []);
      await wait(5 * HOUR);
      expectEqual(
        "the jobs to prune later",
        (await store.prunable(namespace, POLICY, 100)).map(({ row }) => row.id),
        ["b", "a"],
      );
    },
  },
  {
    name: "a job that runs again is not deleted for its last end",
    async run(context) {
      const { each, make, wait, store, namespace } = context;
      await each(make.claim("a", "t"), make.end("a", "t", "failed"), make.reopen("a", "r"));
      await wait(1_000 * HOUR);
      expectMembers("the outcome", await store.prune(namespace, POLICY, 100), { deleted: 0 });
      expectEqual("the jobs that stay", await existing(context), ["a"]);
    },
  },
]);
