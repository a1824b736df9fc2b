import { expectEqual, expectRefusal, expectThat } from "../../../conformance/kit/expect.ts";
import {
  type PageRequest,
  placeAfterPage,
  type StoredJobFilter,
  type StoredPage,
} from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { LEASE_MS } from "../kit/changes.ts";
import type { StoreContext } from "../kit/store-context.ts";

const PAGE: PageRequest = { limit: 50, order: "oldest" };

async function idsOf(
  { store, namespace }: StoreContext,
  filter: StoredJobFilter,
  page: Partial<PageRequest> = {},
): Promise<string[]> {
  const { rows } = await store.list(namespace, filter, { ...PAGE, ...page });
  return rows.map(({ id }) => id);
}

/** Creates one job in each state, of several queues, types, tenants and tags, each a second after the one before. */
async function arrange(context: StoreContext): Promise<number> {
  const { apply, each, make, wait, clock } = context;
  const start = clock.now();
  await apply(
    make.birth("scheduled", { queue: "invoices", tenant: "acme", tags: ["x", "y"] }, { dueInMs: 3_600_000 }),
  );
  await wait(1_000);
  await apply(make.insert("queued", { type: "invoice", queue: "invoices", priority: "high" }));
  await wait(1_000);
  await each(
    make.claim("processing", "t", { leaseMs: 3_600_000 }),
    make.claim("stalled", "t", {}, { tags: ["y"] }),
  );
  await wait(1_000);
  await each(make.claim("retrying", "t"), make.end("retrying", "t", "retrying", { inMs: 60_000 }));
  await wait(1_000);
  await each(
    make.claim("completed", "t", { workerId: "w1" }, { tenant: "acme" }),
    make.end("completed", "t", "completed", { workerId: "w1" }),
  );
  await wait(1_000);
  await each(
    make.claim("failed", "t"),
    make.end("failed", "t", "failed", { error: { message: "no", code: "e1", fingerprint: "f2" } }),
  );
  await wait(1_000);
  await each(make.insert("cancelled"), make.cancel("cancelled"));
  await wait(LEASE_MS);
  return start;
}

export const listCases: readonly JobStoreCase[] = group("list", [
  {
    name: "each filter selects the jobs that it describes",
    async run(context) {
      const start = await arrange(context);
      const expected: readonly [string, StoredJobFilter, readonly string[]][] = [
        ["status", { status: ["failed", "scheduled"] }, ["scheduled", "failed"]],
        ["type", { type: ["invoice"] }, ["queued"]],
        ["queue", { queue: ["invoices"] }, ["scheduled", "queued"]],
        ["priority", { priority: ["high", "critical"] }, ["queued"]],
        ["tenant", { tenant: "acme" }, ["scheduled", "completed"]],
        ["tag", { tag: "y" }, ["scheduled", "stalled"]],
        ["worker", { workerId: "w1" }, ["completed"]],
        ["error by code", { error: "e1" }, ["failed"]],
        ["error by fingerprint", { error: "f1" }, ["retrying"]],
        ["created from", { createdFrom: start + 5_000 }, ["failed", "cancelled"]],
        ["created before", { createdBefore: start + 1_000 }, ["scheduled"]],
        ["stalled", { isStalled: true }, ["stalled"]],
        ["several conditions", { tenant: "acme", status: ["completed"], queue: ["emails"] }, ["completed"]],
        ["conditions that exclude each other", { tenant: "acme", type: ["invoice"] }, []],
        ["a list of none", { status: [] }, []],
        ["a tag that is part of another", { tag: "" }, []],
      ];
      for (const [name, filter, ids] of expected) expectEqual(name, await idsOf(context, filter), ids);
    },
  },
  {
    name: "pages follow each other by place and by offset, in both orders, without a gap",
    async run(context) {
      const { apply, make, wait, store, namespace } = context;
      const ids = Array.from({ length: 25 }, (_, index) => `job-${String(index).padStart(2, "0")}`);
      // Five jobs of one millisecond each, so that the id decides among them.
      for (let from = 0; from < ids.length; from += 5) {
        await apply(
          ...ids
            .slice(from, from + 5)
            .toReversed()
            .map((id) => make.insert(id)),
        );
        await wait(1);
      }
      for (const order of ["oldest", "newest"] as const) {
        const wanted = order === "oldest" ? ids : ids.toReversed();
        const pages: StoredPage[] = [];
        for (let after: PageRequest["after"]; pages.length < 4;) {
          const page = await store.list(namespace, {}, { limit: 7, order, after });
          pages.push(page);
          after = page.rows.at(-1);
        }
        expectEqual(
          `${order} by place`,
          pages.flatMap(({ rows }) => rows.map(({ id }) => id)),
          wanted,
        );
        expectEqual(
          `${order}: more after each`,
          pages.map(({ hasMore }) => hasMore),
          [true, true, true, false],
        );
        expectEqual(
          `${order}: totals`,
          pages.map(({ total }) => total),
          [25, 25, 25, 25],
        );
        expectEqual(
          `${order} by offset`,
          await idsOf(context, {}, { order, limit: 7, offset: 7 }),
          wanted.slice(7, 14),
        );
        expectEqual(`${order} beyond the end`, await idsOf(context, {}, { order, limit: 7, offset: 30 }), []);
      }
      const exact = await store.list(namespace, {}, { limit: 25, order: "oldest" });
      expectEqual("more after the last page", exact.hasMore, false);
    },
  },
  {
    name: "a total is counted up to its maximum, and says so",
    async run({ apply, make, store, namespace }) {
      await apply(...Array.from({ length: 12 }, (_, index) => make.insert(`job-${index}`)));
      const totals = async (maxTotal: number): Promise<unknown> => {
        const { total, isTotalCapped, rows } = await store.list(
          namespace,
          {},
          { ...PAGE, limit: 3, maxTotal },
        );
        return [total, isTotalCapped, rows.length];
      };
      expectEqual("below the number", await totals(10), [10, true, 3]);
      expectEqual("the number", await totals(12), [12, false, 3]);
    },
  },
  {
    name: "a list that stops before its page is full goes on from there, without a gap",
    async run({ apply, make, store, namespace }) {
      const jobs = Array.from({ length: 60 }, (_, index) => ({
        id: `job-${index + 10}`,
        type: `type-${index % 3}`,
        tags: index % 5 === 0 ? [] : ["a"],
        tenant: index % 7 === 0 || index % 5 === 1 ? undefined : "acme",
      }));
      await apply(...jobs.map(({ id, ...job }) => make.insert(id, job)));
      // Most jobs meet one of the two conditions, so that an index alone does not find those that meet both.
      const filter: StoredJobFilter = { tag: "a", tenant: "acme", type: ["type-0", "type-1"] };
      const expected = jobs
        .filter(({ type, tags, tenant }) => type !== "type-2" && tags.length > 0 && tenant !== undefined)
        .map(({ id }) => id);
      for (const order of ["oldest", "newest"] as const) {
        for (const offset of [0, 9]) {
          const found: string[] = [];
          let after: PageRequest["after"];
          let toSkip = offset;
          do {
            const request: PageRequest = { limit: 5, order, after, offset: toSkip, maxExamined: 4 };
            const page = await store.list(namespace, filter, request);
            found.push(...page.rows.map(({ id }) => id));
            after = placeAfterPage(page);
            toSkip = page.stoppedAt?.toSkip ?? 0;
            const { total, isTotalCapped } = page;
            const isRight = isTotalCapped ? total <= expected.length : total === expected.length;
            expectThat("a total", isRight, { total, isTotalCapped }, "is exact, or says that it is not");
          } while (after !== undefined && found.length <= expected.length);
          const all = order === "oldest" ? expected : expected.toReversed();
          expectEqual(`${order}, from ${offset}`, found, all.slice(offset));
        }
      }
    },
  },
  {
    name: "a search finds a text in payloads as it stands, or is refused",
    async run(context) {
      const { apply, make, store, namespace, capabilities } = context;
      await apply(
        make.insert("a", { message: { payload: { to: "Ada_100%" } } }),
        make.insert("b", { message: { payload: { to: "AdaX1000" } } }),
      );
      if (!capabilities.search) {
        await expectRefusal("a search", store.list(namespace, { search: "Ada" }, PAGE), "not_supported");
        return;
      }
      expectEqual("a text with wildcards", await idsOf(context, { search: "a_100%" }), ["a"]);
      expectEqual("a part of both", await idsOf(context, { search: "Ada" }), ["a", "b"]);
      expectEqual("a text of none", await idsOf(context, { search: "grace" }), []);
    },
  },
]);
