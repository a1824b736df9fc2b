import { expectEqual, expectRefusal } from "../../../conformance/kit/expect.ts";
import { group, type JobStoreCase } from "../case.ts";
import { expectMembers } from "../kit/compare.ts";
import { FINGERPRINT } from "../kit/store-context.ts";

export const lifecycleCases: readonly JobStoreCase[] = group("lifecycle", [
  {
    name: "a namespace belongs to the queues that opened it first",
    async run({ store, namespace }) {
      await store.open(namespace, FINGERPRINT);
      await expectRefusal("other queues", store.open(namespace, "others"), "config", namespace);
      await store.open(`${namespace}-2`, "others");
    },
  },
  {
    name: "one id in two namespaces is two jobs",
    async run({ store, namespace, make, one, row }) {
      const other = `${namespace}-other`;
      await store.open(other, FINGERPRINT);
      await one(make.birth("a"));
      await store.apply(other, [make.cancel("a")]);
      expectMembers("the job", await row("a"), { status: "queued" });
      expectEqual("jobs to send elsewhere", await store.takeDue(other, { limit: 10, takenMs: 1_000 }), []);
      expectEqual("the next time elsewhere", await store.nextDueAt(other), undefined);
      expectEqual("unfinished jobs elsewhere", await store.counts(other), []);
      const { rows } = await store.list(other, {}, { limit: 10, order: "newest" });
      expectEqual(
        "jobs elsewhere",
        rows.map(({ status }) => status),
        ["cancelled"],
      );
      expectEqual("workers elsewhere", await store.workers(other), []);
    },
  },
  {
    name: "the time of the store is that of its clock",
    async run({ store, clock, wait }) {
      expectEqual("the time", await store.now(), clock.now());
      await wait(1_234);
      expectEqual("the time later", await store.now(), clock.now());
    },
  },
  {
    name: "a second migration does nothing",
    async run({ store, one, make, row }) {
      await one(make.insert("a"));
      const { from, to } = await store.migrate();
      expectEqual("the versions", from, to);
      expectMembers("the job", await row("a"), { status: "queued" });
    },
  },
  {
    name: "a closed store refuses every call, and is closed twice",
    async run({ another, namespace, make }) {
      const store = await another();
      await store.apply(namespace, [make.insert("a")]);
      await Promise.all([store.close(), store.close()]);
      await store.close();
      const page = { limit: 1, order: "newest" } as const;
      const calls: readonly [string, () => Promise<unknown>][] = [
        ["apply", () => store.apply(namespace, [make.insert("b")])],
        ["get", () => store.get(namespace, ["a"])],
        ["list", () => store.list(namespace, {}, page)],
        ["counts", () => store.counts(namespace)],
        ["takeDue", () => store.takeDue(namespace, { limit: 1, takenMs: 1 })],
        ["changedSince", () => store.changedSince(namespace, undefined, 1)],
        ["open", () => store.open(namespace, FINGERPRINT)],
      ];
      for (const [name, call] of calls) await expectRefusal(name, call(), "closed");
    },
  },
  {
    name: "records outlive the store that wrote them",
    skip: ({ durable }) => (durable ? undefined : "the records end with the process"),
    async run({ another, namespace, make, read }) {
      const store = await another();
      await store.apply(namespace, [make.claim("a", "t")]);
      await store.apply(namespace, [make.end("a", "t", "completed", { result: { value: 1 } })]);
      await store.close();
      expectMembers("the job", await read("a", await another()), {
        result: 1,
        message: { payload: { to: "ada" } },
      });
    },
  },
]);
