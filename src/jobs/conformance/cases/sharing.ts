import { expectEqual, expectRefusal, expectSame, expectThat } from "../../../conformance/kit/expect.ts";
import type { ClaimAnswer } from "../../store/change.ts";
import { group, type JobStoreCase, unlessShared } from "../case.ts";
import { LEASE_MS, TAKEN_MS } from "../kit/changes.ts";
import { expectMembers } from "../kit/compare.ts";
import { cursorOf, readChanges } from "./change-feed.ts";

export const sharingCases: readonly JobStoreCase[] = group("processes", [
  {
    name: "a job that one process writes is read, claimed and ended by another",
    skip: unlessShared,
    async run({ one, make, another, namespace, row }) {
      const other = await another();
      await one(make.insert("a"));
      const [answer] = await other.apply(namespace, [make.claim("a", "t")]);
      expectMembers("the claim", answer, { do: "run", attempt: 1 });
      expectMembers("a claim of the first", await one(make.claim("a", "u")), {
        do: "later",
        why: "busy",
        inMs: LEASE_MS,
      });
      await other.apply(namespace, [make.end("a", "t", "completed")]);
      expectMembers("the job", await row("a"), { status: "completed" });
    },
  },
  {
    name: "one of many claims at the same time holds a job, whatever the process",
    skip: unlessShared,
    async run({ store, make, another, namespace }) {
      const stores = [store, await another(), await another()];
      const ids = Array.from({ length: 40 }, (_, index) => `job-${index}`);
      const answers = await Promise.all(
        stores.flatMap((each, index) =>
          ids.map(async (id) => {
            const [answer] = await each.apply(namespace, [make.claim(id, `t${index}`)]);
            return { id, answer: answer as ClaimAnswer };
          }),
        ),
      );
      expectSame(
        "the jobs that were claimed",
        answers.filter(({ answer }) => answer.do === "run").map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: "no job is taken by two processes that take at the same time",
    skip: unlessShared,
    async run({ store, apply, make, another, namespace }) {
      const stores = [store, await another(), await another()];
      const ids = Array.from({ length: 60 }, (_, index) => `job-${index}`);
      await apply(...ids.map((id) => make.birth(id)));
      const rounds = Array.from({ length: 10 }, () => stores).flat();
      const due = await Promise.all(
        rounds.map((each) => each.takeDue(namespace, { limit: 3, takenMs: TAKEN_MS })),
      );
      expectSame(
        "the jobs that were taken",
        due.flat().map(({ row }) => row.id),
        ids,
      );
    },
  },
  {
    name: "one of many births at the same time creates a job",
    skip: unlessShared,
    async run({ store, make, another, namespace }) {
      const stores = [store, await another()];
      const births = Array.from({ length: 50 }, (_, index) =>
        make.birth("a", {}, { token: `birth ${index}` }),
      );
      const answers = await Promise.all(
        births.map((birth, index) => stores[index % 2]!.apply(namespace, [birth])),
      );
      const outcomes = answers.flat().map((answer) => (answer.do === "born" ? answer.outcome : answer.do));
      expectEqual("the births that created", outcomes.filter((one) => one === "created").length, 1);
      expectEqual("the others", outcomes.filter((one) => one === "existing").length, 49);
    },
  },
  {
    name: "a reader sees the changes of another process, without a gap",
    skip: unlessShared,
    async run({ store, make, another, namespace }) {
      const other = await another();
      const start = await cursorOf(store, namespace);
      const ids = Array.from({ length: 60 }, (_, index) => `job-${index}`);
      const seen = new Set<string>();
      let cursor = start;
      const read = async (): Promise<void> => {
        const page = await readChanges(store, namespace, cursor, 7);
        for (const { id } of page.rows) seen.add(id);
        ({ cursor } = page);
      };
      const write = async (each: typeof store, from: number): Promise<void> => {
        for (let index = from; index < ids.length; index += 2)
          await each.apply(namespace, [make.insert(ids[index] as string)]);
      };
      let isWriting = true;
      const writing = Promise.all([write(store, 0), write(other, 1)]).then(() => (isWriting = false));
      while (isWriting) {
        await read();
        // A store whose reads need no time would leave none to its writers.
        await new Promise((resolve) => setImmediate(resolve));
      }
      await writing;
      await read();
      expectSame("the jobs that were seen", seen, ids);
    },
  },
  {
    name: "changes of another process are reported to listeners within the declared time",
    skip: (capabilities) =>
      unlessShared(capabilities) ??
      (capabilities.pushMs > 0 ? undefined : "the store does not report changes of other processes"),
    async run({ each, make, another, namespace, hears, capabilities }) {
      const other = await another();
      const seen: string[] = [];
      const remove = other.listen(namespace, (hint, id) => seen.push(`${hint} ${id}`));
      await each(make.claim("a", "t"));
      await hears("the claim", () => seen.some((one) => one.startsWith("change")), capabilities.pushMs);
      seen.length = 0;
      await each(make.cancel("a"));
      await hears("the cancellation", () => seen.includes("cancel a"), capabilities.pushMs);
      await each(make.birth("b"));
      await hears(
        "the job that is due",
        () => seen.some((one) => one.startsWith("due")),
        capabilities.pushMs,
      );
      remove();
    },
  },
  {
    name: "a namespace of other queues is refused in every process",
    skip: unlessShared,
    async run({ anotherUnopened, namespace }) {
      const other = await anotherUnopened();
      await expectRefusal("other queues", other.open(namespace, "others"), "config", namespace);
    },
  },
  {
    name: "two processes prune at the same time without deleting a job twice",
    skip: unlessShared,
    async run({ store, apply, make, wait, another, namespace }) {
      const ids = Array.from({ length: 40 }, (_, index) => `job-${index}`);
      await apply(...ids.map((id) => make.claim(id, "t")));
      await apply(...ids.map((id) => make.end(id, "t", "completed")));
      await wait(100 * LEASE_MS * 1_000);
      const policy = { completedMs: 1, failedMs: 1, cancelledMs: 1, dataMs: 1, maxFinished: 1_000 };
      const stores = [store, await another()];
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, (_, index) => stores[index % 2]!.prune(namespace, policy, 5)),
      );
      const deleted = outcomes.reduce((sum, one) => sum + one.deleted, 0);
      expectThat("the jobs that were deleted", deleted === 40, deleted, "40");
    },
  },
]);
