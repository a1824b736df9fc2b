import { describe, expect, test } from "vitest";
import { type JobFilter, type Jobs, type ListJobsOptions } from "../../../src/jobs/index.ts";
import type { JobStore, PageRequest, StoredJobFilter, StoredPage } from "../../../src/jobs/store/index.ts";
import { wrappedStore } from "../../../src/jobs/store/wrapped-store.ts";
import { SECOND } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: { to: "Ada" } };

/** Ten jobs, each a second younger than the one before. */
async function withJobs(fixture: JobsFixture = new JobsFixture()): Promise<{ jobs: Jobs; ids: string[] }> {
  const jobs = await fixture.jobs();
  const ids: string[] = [];
  for (let index = 0; index < 10; index += 1) {
    const type = index % 2 === 0 ? "mail" : "fax";
    const { id } = await jobs.send({ ...mail, type }, { tags: [`n${index}`], delay: index === 9 ? "1h" : 0 });
    ids.push(id);
    await fixture.clock.advance(SECOND);
  }
  return { jobs, ids };
}

test("a list goes on after a job whose long id another program has chosen", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const job = { type: "mail", queue: "jobs", maxAttempts: 5, createdAt: 0, message: { payload: null } };
  const ids = ["a", "b"].map((name) => name.repeat(5_000));
  for (const id of ids)
    await fixture.store.apply(jobs.namespace, [
      { kind: "insert", id, job: { ...job, createdAt: fixture.clock.now() } },
    ]);
  const first = await jobs.list({ limit: 1, order: "oldest" });
  const second = await jobs.list({ limit: 1, order: "oldest", cursor: first.nextCursor });
  expect([...first.jobs, ...second.jobs].map(({ id }) => id)).toEqual(ids);
});

describe("a list of jobs", () => {
  test("has the newest first, and the oldest first if that is asked for", async () => {
    const { jobs, ids } = await withJobs();
    const idsOf = async (options: ListJobsOptions): Promise<string[]> =>
      (await jobs.list(options)).jobs.map(({ id }) => id);
    expect(await idsOf({})).toEqual(ids.toReversed());
    expect(await idsOf({ order: "oldest", limit: 3, offset: 2 })).toEqual(ids.slice(2, 5));
  });

  test("is read page by page, each job once, although jobs are added meanwhile", async () => {
    const { jobs, ids } = await withJobs();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await jobs.list({ limit: 3, cursor });
      seen.push(...page.jobs.map(({ id }) => id));
      await jobs.send(mail);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toEqual(ids.toReversed());
  });

  test.each([
    [{ type: "mail" }, 5],
    [{ type: ["mail", { type: "fax" }] }, 10],
    [{ status: "scheduled" }, 1],
    [{ status: ["pending", "delayed"] }, 10],
    [{ status: "running" }, 0],
    [{ tag: "n3" }, 1],
    [{ queue: "other" }, 0],
    [{ search: "Ada" }, 10],
    [{ search: "Grace" }, 0],
    [{ createdFrom: new Date("2026-01-01T00:00:04Z"), createdBefore: new Date("2026-01-01T00:00:07Z") }, 3],
    [{ stalled: true, status: "running" }, 0],
    [{ priority: ["low", "normal"] }, 10],
  ] satisfies [JobFilter, number][])("with %j has %i jobs", async (filter, count) => {
    const { jobs } = await withJobs();
    expect(await jobs.list(filter)).toMatchObject({ total: count, isTotalCapped: false });
  });
});

/** A store that looks at one job in each call, as one does that searches among many. */
function withShortLooks(store: JobStore): JobStore {
  return wrappedStore(store, async (method, call, [namespace, filter, page]) => {
    if (method !== "list") return call();
    const { order, after, offset = 0 } = page as PageRequest;
    const next = (one: StoredJobFilter): Promise<StoredPage> =>
      store.list(String(namespace), one, { limit: 1, order, after });
    const [found, met] = [await next({}), await next(filter as StoredJobFilter)];
    const [row] = found.rows;
    const isMet = row !== undefined && met.rows[0]?.id === row.id;
    const rows = isMet && offset === 0 ? [row] : [];
    const toSkip = Math.max(0, offset - (isMet ? 1 : 0));
    const stoppedAt = found.hasMore && row !== undefined ? { ...row, toSkip } : undefined;
    return { rows, total: rows.length, isTotalCapped: true, hasMore: stoppedAt !== undefined, stoppedAt };
  });
}

describe("a list of a store that stops before a page is full", () => {
  test("says so, and goes on from there, with the offset of its first page", async () => {
    const fixture = new JobsFixture();
    const { ids } = await withJobs(fixture);
    const short = await fixture.jobs({ store: withShortLooks(fixture.store) });
    const found: string[] = [];
    let page = await short.list({ type: "mail", offset: 2 });
    for (
      ;
      page.nextCursor !== undefined;
      page = await short.list({ type: "mail", cursor: page.nextCursor })
    ) {
      expect(page.isPartial).toBe(true);
      found.push(...page.jobs.map(({ id }) => id));
    }
    found.push(...page.jobs.map(({ id }) => id));
    expect(page.isPartial).toBe(false);
    expect(found).toEqual([ids[4], ids[2], ids[0]]);
  });

  test("is read to its end by what is done to all jobs of a filter", async () => {
    const fixture = new JobsFixture();
    const { jobs, ids } = await withJobs(fixture);
    const short = await fixture.jobs({ store: withShortLooks(fixture.store) });
    expect(await short.cancelAll({ tag: "n9" }, { dryRun: true })).toBe(1);
    expect(await short.cancelAll({ tag: "n9" })).toBe(1);
    expect(await jobs.get(ids[9] ?? "")).toMatchObject({ status: "cancelled" });
  });
});

describe("a list that no job can be in", () => {
  test.each([
    [{ status: "complted" }, 'Unknown status "complted"; did you mean completed?'],
    [{ status: "quux" }, "known: scheduled, queued"],
    [{ status: [] }, "status is an empty list"],
    [{ status: 7 }, "Unknown status 7"],
    [{ type: "" }, "type is a non-empty string"],
    [{ type: [undefined] }, "type is a non-empty string"],
    [{ priority: "hgh" }, "did you mean high?"],
    [{ tenant: "" }, "tenant is a non-empty string"],
    [{ createdFrom: "2026-01-01" }, "createdFrom is a valid Date"],
    [{ createdFrom: new Date(2), createdBefore: new Date(2) }, "no job can match"],
    [{ stalled: false }, "stalled is true or left out"],
    [{ stalled: true, status: "failed" }, "none has the status failed"],
    [{ limit: 0 }, "limit is a whole number from 1 to 200"],
    [{ limit: 201 }, "limit is a whole number from 1 to 200"],
    [{ offset: 10_001 }, "offset is a whole number from 0 to 10000"],
    [{ order: "new" }, 'order is "newest" or "oldest"'],
    [{ statuss: "failed" }, "did you mean status?"],
    [{ cursor: "x" }, "the cursor is not a cursor of list"],
    [{ cursor: "W10" }, "the cursor is not a cursor of list"],
    [{ cursor: "a".repeat(2_000) }, "the cursor is not a cursor of list"],
  ])("is refused: %j", async (options, sentence) => {
    const jobs = await new JobsFixture().jobs();
    await expect(jobs.list(options as ListJobsOptions)).rejects.toThrow(sentence);
    await expect(jobs.list(options as ListJobsOptions)).rejects.toMatchObject({ code: "invalid_options" });
  });

  test("is refused if the cursor is that of another query, or comes with an offset", async () => {
    const { jobs } = await withJobs();
    const { nextCursor: cursor } = await jobs.list({ limit: 2, type: "mail" });
    for (const other of [{}, { type: "fax" }, { type: "mail", order: "oldest" }] as const)
      await expect(jobs.list({ ...other, cursor })).rejects.toThrow("belongs to another query");
    await expect(jobs.list({ type: "mail", cursor, offset: 2 })).rejects.toThrow("not both");
    expect((await jobs.list({ type: ["mail"], limit: 7, cursor })).jobs).toHaveLength(3);
  });

  test("is refused if it searches in payloads, and the store cannot", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, { capabilities: { ...fixture.store.capabilities, search: false } });
    const jobs = await fixture.jobs();
    await expect(jobs.list({ search: "a" })).rejects.toMatchObject({ code: "not_supported" });
    await expect(jobs.cancelAll({ search: "a" })).rejects.toMatchObject({ code: "not_supported" });
  });
});

test("a job is read with the parts that are asked for, and no others exist", async () => {
  const jobs = await new JobsFixture().jobs();
  const { id } = await jobs.send(mail);
  expect(await jobs.get(id)).not.toHaveProperty("payload");
  expect((await jobs.get(id, ["payload"]))?.payload).toEqual({ to: "Ada" });
  await expect(jobs.get(id, ["payloads" as never])).rejects.toThrow("can include payload, result, logs");
  await expect(jobs.get("")).rejects.toThrow("id of a job is a non-empty string");
  await expect(jobs.get("x".repeat(129))).rejects.toThrow("at most 128 bytes");
  expect(await jobs.get("unknown")).toBeUndefined();
});
