import { expectEqual, expectRefusal } from "../../../conformance/kit/expect.ts";
import type { JobStore, JobStoreCapabilities } from "../../store/job-store.ts";
import type { BirthAnswer, BirthChange } from "../../store/change.ts";
import { group, type JobStoreCase } from "../case.ts";
import { TAKEN_MS } from "../kit/changes.ts";
import { expectMembers } from "../kit/compare.ts";
import type { StoreContext } from "../kit/store-context.ts";
import { cursorOf, readChanges } from "./change-feed.ts";

const unlessTransactional = ({ transactional }: JobStoreCapabilities): string | undefined =>
  transactional === true ? undefined : "the store takes no part in transactions of the application";

const ALL = { limit: 100, takenMs: TAKEN_MS };

function bear({ store, namespace }: StoreContext, birth: BirthChange, handle: object): Promise<BirthAnswer> {
  return (store as Required<JobStore>).bearIn(namespace, birth, handle);
}

export const transactionCases: readonly JobStoreCase[] = group("transactions", [
  {
    name: "a job that is born in a transaction is not there before the commit, and due after it",
    skip: unlessTransactional,
    async run(context) {
      const { store, namespace, make, read, beginTransaction } = context;
      const cursor = await cursorOf(store, namespace);
      const { handle, commit } = await beginTransaction();
      const birth = make.birth("a", { tenant: "acme", tags: ["x"] });
      expectMembers("the birth", await bear(context, birth, handle), { do: "born", outcome: "created" });
      expectEqual("the job before", await read("a"), undefined);
      await commit();
      expectMembers("the job", await read("a"), { message: birth.job.message });
      const page = await store.list(namespace, { tenant: "acme", tag: "x" }, { limit: 5, order: "oldest" });
      expectEqual(
        "a list",
        page.rows.map(({ id }) => id),
        ["a"],
      );
      const due = await store.takeDue(namespace, ALL);
      expectEqual(
        "the due jobs",
        due.map(({ row, message }) => [row.id, message]),
        [["a", birth.job.message]],
      );
      const { rows } = await readChanges(store, namespace, cursor, 10);
      expectEqual(
        "the changes",
        rows.map(({ id }) => id),
        ["a"],
      );
    },
  },
  {
    name: "nothing of a job is left after a rollback, and its id is free",
    skip: unlessTransactional,
    async run(context) {
      const { store, namespace, make, read, one, beginTransaction } = context;
      const { handle, rollback } = await beginTransaction();
      await bear(context, make.birth("a", { type: "only here", tags: ["x"] }), handle);
      await rollback();
      expectEqual("the job", await read("a"), undefined);
      expectEqual("the due jobs", await store.takeDue(namespace, ALL), []);
      expectEqual("the next time", await store.nextDueAt(namespace), undefined);
      expectEqual("the counts", await store.counts(namespace), []);
      expectMembers("another birth", await one(make.birth("a")), { do: "born", outcome: "created" });
    },
  },
  {
    name: "several jobs and a delayed one in one transaction are due at their times",
    skip: unlessTransactional,
    async run(context) {
      const { store, namespace, make, wait, beginTransaction } = context;
      const { handle, commit } = await beginTransaction();
      for (const id of ["a", "b"]) await bear(context, make.birth(id), handle);
      await bear(context, make.birth("later", {}, { dueInMs: 1_000 }), handle);
      await commit();
      const idsOf = async (): Promise<string[]> =>
        (await store.takeDue(namespace, ALL)).map(({ row }) => row.id);
      expectEqual("at once", await idsOf(), ["a", "b"]);
      await wait(1_000);
      expectEqual("later", await idsOf(), ["later"]);
    },
  },
  {
    name: "a job that is there already is found in a transaction, and left as it is",
    skip: unlessTransactional,
    async run(context) {
      const { apply, make, row, beginTransaction } = context;
      await apply(make.birth("a", { hash: "h" }), make.birth("b", { hash: "h" }));
      const before = await row("a");
      const { handle, commit } = await beginTransaction();
      const same = await bear(context, make.birth("a", { hash: "h" }, { token: "other" }), handle);
      const differs = await bear(context, make.birth("b", { hash: "i" }, { token: "other" }), handle);
      await commit();
      expectEqual("the outcomes", [same.outcome, differs.outcome], ["existing", "conflict"]);
      expectEqual("the job", await row("a"), before);
    },
  },
  {
    name: "a value that is no transaction of the store is refused",
    skip: unlessTransactional,
    async run(context) {
      await expectRefusal("an object", bear(context, context.make.birth("a"), {}), "invalid_options");
    },
  },
]);
