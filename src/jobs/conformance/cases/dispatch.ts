import { expectEqual } from "../../../conformance/kit/expect.ts";
import { group, type JobStoreCase } from "../case.ts";
import { TAKEN_MS } from "../kit/changes.ts";
import { expectMembers } from "../kit/compare.ts";

const HOUR_MS = 3_600_000;
const ALL = { limit: 100, takenMs: TAKEN_MS };

export const dispatchCases: readonly JobStoreCase[] = group("dispatch", [
  {
    name: "due jobs are taken once, with their messages, the one first that was due first",
    async run({ apply, make, wait, store, namespace }) {
      await apply(
        make.birth("late", {}, { dueInMs: 2_000 }),
        make.birth("now"),
        make.birth("soon", {}, { dueInMs: 1_000 }),
        make.birth("far", {}, { dueInMs: 60_000 }),
        make.insert("sent"),
      );
      await wait(2_000);
      const due = await store.takeDue(namespace, ALL);
      expectEqual(
        "the jobs",
        due.map(({ row }) => row.id),
        ["now", "soon", "late"],
      );
      expectMembers("the first", due[0], { message: { payload: { to: "ada" } } });
      expectEqual("a second call", await store.takeDue(namespace, ALL), []);
    },
  },
  {
    name: "at most as many are taken as were asked for",
    async run({ apply, make, store, namespace }) {
      await apply(...Array.from({ length: 5 }, (_, index) => make.birth(`job-${index}`)));
      const sizes: number[] = [];
      for (let call = 0; call < 4; call += 1)
        sizes.push((await store.takeDue(namespace, { limit: 2, takenMs: TAKEN_MS })).length);
      expectEqual("the numbers", sizes, [2, 2, 1, 0]);
    },
  },
  {
    name: "only jobs of the queues are taken that a process can reach",
    async run({ apply, make, store, namespace, clock }) {
      await apply(make.birth("a"), make.birth("b", { queue: "invoices" }));
      const queues = ["invoices", "others"];
      expectEqual("the next time of other queues", await store.nextDueAt(namespace, ["others"]), undefined);
      expectEqual("the next time", await store.nextDueAt(namespace, queues), clock.now());
      const due = await store.takeDue(namespace, { ...ALL, queues });
      expectEqual(
        "the jobs",
        due.map(({ row }) => row.id),
        ["b"],
      );
      expectEqual("of no queue", await store.takeDue(namespace, { ...ALL, queues: [] }), []);
    },
  },
  {
    name: "no jobs are taken of queues that are left out, and they take no room from others",
    async run({ apply, make, wait, store, namespace }) {
      await apply(...Array.from({ length: 5 }, (_, index) => make.birth(`slow-${index}`)));
      await wait(1_000);
      await apply(make.birth("a", { queue: "invoices" }));
      const due = await store.takeDue(namespace, { limit: 2, takenMs: TAKEN_MS, except: ["emails", "none"] });
      expectEqual(
        "the jobs",
        due.map(({ row }) => row.id),
        ["a"],
      );
      const options = { ...ALL, queues: ["emails"], except: ["emails"] };
      expectEqual("of no other queue", await store.takeDue(namespace, options), []);
      expectEqual("the rest", (await store.takeDue(namespace, ALL)).length, 5);
    },
  },
  {
    name: "a job that was taken and not confirmed is taken by another once its time is over",
    async run({ one, make, wait, store, namespace, clock }) {
      await one(make.birth("a", {}, { takenMs: TAKEN_MS }));
      expectEqual("the next time", await store.nextDueAt(namespace), clock.now() + TAKEN_MS);
      expectEqual("before", await store.takeDue(namespace, ALL), []);
      await wait(TAKEN_MS);
      expectEqual("after", (await store.takeDue(namespace, ALL)).length, 1);
      expectEqual("the next time after", await store.nextDueAt(namespace), clock.now() + TAKEN_MS);
    },
  },
  {
    name: "a job that was taken before the clock was set back does not wait for the old time",
    async run({ apply, make, store, namespace, clock }) {
      await apply(
        make.birth("taken", {}, { takenMs: HOUR_MS }),
        make.birth("delayed", {}, { dueInMs: HOUR_MS }),
      );
      const due = await store.takeDue(namespace, ALL);
      expectEqual(
        "the jobs",
        due.map(({ row }) => row.id),
        ["taken"],
      );
      expectEqual("a second call", await store.takeDue(namespace, ALL), []);
      expectEqual("the next time", await store.nextDueAt(namespace), clock.now() + TAKEN_MS);
    },
  },
  {
    name: "a job is not taken again that was confirmed, claimed or cancelled",
    async run({ each, apply, make, wait, store, namespace, row }) {
      await apply(make.birth("confirmed"), make.birth("claimed"), make.birth("cancelled"));
      await each(make.dispatched("confirmed"), make.claim("claimed", "t"), make.cancel("cancelled"));
      await wait(TAKEN_MS);
      expectEqual("the jobs", await store.takeDue(namespace, ALL), []);
      expectEqual("the next time", await store.nextDueAt(namespace), undefined);
      expectMembers("the confirmed job", await row("confirmed"), {
        status: "queued",
        dispatches: 1,
        dispatch: undefined,
      });
    },
  },
  {
    name: "a dispatch that failed is tried again after its backoff, or never",
    async run({ each, apply, make, wait, store, namespace, row, clock }) {
      await apply(make.birth("again"), make.birth("never"));
      await store.takeDue(namespace, ALL);
      await each(make.undispatched("again", { inMs: 5_000 }), make.undispatched("never"));
      expectEqual("the next time", await store.nextDueAt(namespace), clock.now() + 5_000);
      expectMembers("the job that can never be sent", await row("never"), {
        status: "failed",
        deadLetterReason: "undispatchable",
      });
      await wait(5_000);
      const due = await store.takeDue(namespace, ALL);
      expectEqual(
        "the jobs",
        due.map((job) => [job.row.id, job.row.dispatch?.failures]),
        [["again", 1]],
      );
    },
  },
  {
    name: "a promoted job is due at once, and a retried one as well",
    async run({ each, make, store, namespace }) {
      await each(make.birth("a", {}, { dueInMs: 3_600_000 }), make.promote("a"));
      await each(make.claim("b", "t"), make.end("b", "t", "failed"), make.reopen("b", "r"));
      const due = await store.takeDue(namespace, ALL);
      expectEqual("the jobs", due.map(({ row }) => row.id).toSorted(), ["a", "b"]);
    },
  },
]);
