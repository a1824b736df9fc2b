import { describe, expect, test } from "vitest";
import type { EventOptions, Jobs, JobsEvent } from "../../../src/jobs/index.ts";
import { MINUTE, SECOND } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: {} };

/** Reads events until it is stopped. */
class Reader {
  readonly seen: JobsEvent[] = [];
  readonly stop: AbortController = new AbortController();
  readonly ended: Promise<void>;

  constructor(jobs: Jobs, options: EventOptions = {}) {
    const events = jobs.events({ ...options, signal: this.stop.signal });
    this.ended = this.#read(events);
  }

  get names(): string[] {
    return this.seen.map(({ event }) => event.replace("job.", ""));
  }

  async #read(events: AsyncIterable<JobsEvent>): Promise<void> {
    for await (const event of events) this.seen.push(event);
  }
}

async function working(
  fixture: JobsFixture,
  handler: (payload: unknown, progress: (percent: number) => void) => unknown,
): Promise<Jobs> {
  const jobs = await fixture.jobs();
  const worker = jobs.worker({ backoff: { baseMs: 1_000, jitter: false } });
  worker.register("mail", async ({ payload }, { progress }) => handler(payload, progress) as never);
  const starting = worker.start("jobs");
  worker.on("failed", () => undefined);
  await fixture.clock.settle();
  await starting;
  return jobs;
}

describe("the events of a job", () => {
  test("are reported in their order, with the state of the job at each time", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await working(fixture, async (_, progress) => {
      await new Promise<void>((resolve) => clock.timer(SECOND, resolve));
      progress(50);
      await new Promise<void>((resolve) => clock.timer(5 * SECOND, resolve));
      return { sent: true };
    });
    const reader = new Reader(jobs);
    await jobs.send(mail);
    await clock.advance(10 * SECOND);
    // The claim of the worker came before the record of the sender, so no event says that it waited.
    expect(reader.names).toEqual(["started", "progress", "completed"]);
    expect(reader.seen.map(({ job }) => job.status)).toEqual(["processing", "processing", "completed"]);
    expect(reader.seen[1]?.job.progress).toBe(50);
    reader.stop.abort();
    await clock.settle();
    await reader.ended;
    await jobs.close();
  });

  test("say whether a failed run is followed by another, and that the job failed for good", async () => {
    const fixture = new JobsFixture();
    const jobs = await working(fixture, () => {
      throw new Error("no");
    });
    const reader = new Reader(jobs);
    await jobs.send({ ...mail, maxAttempts: 2 });
    await fixture.clock.advance(MINUTE);
    expect(reader.seen.map(({ event, willRetry }) => [event, willRetry])).toEqual([
      ["job.started", undefined],
      ["job.failed", true],
      ["job.started", undefined],
      ["job.failed", false],
      ["job.dead_lettered", undefined],
    ]);
    await jobs.close();
    await reader.ended;
  });

  test("do not report the request to end a run, to a reader that has not seen its start", async () => {
    const fixture = new JobsFixture();
    const { clock } = fixture;
    const jobs = await working(fixture, async (_, progress) => {
      progress(10);
      await new Promise<void>((resolve) => clock.timer(MINUTE, resolve));
    });
    const { id } = await jobs.send(mail);
    await clock.advance(5 * SECOND);
    const reader = new Reader(jobs);
    await clock.settle();
    await jobs.cancel(id);
    await clock.advance(SECOND);
    expect(reader.names).toEqual([]);
    await clock.advance(MINUTE);
    expect(reader.names).toEqual(["completed"]);
    await jobs.close();
  });

  test("are those of the jobs that match", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const reader = new Reader(jobs, { type: "mail", tenant: "acme" });
    await jobs.send({ ...mail, type: "fax" }, { tenant: "acme" });
    await jobs.send(mail);
    const { id } = await jobs.send(mail, { tenant: "acme" });
    await fixture.clock.settle();
    expect(reader.seen.map(({ job }) => job.id)).toEqual([id]);
    await jobs.close();
  });

  test("are those of one job, if its id is given", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const reader = new Reader(jobs, { id: "one" });
    for (const id of ["other", "one", "another"]) await jobs.send({ ...mail, id });
    await jobs.cancel("another");
    await jobs.cancel("one");
    await fixture.clock.advance(2 * SECOND);
    expect(new Set(reader.seen.map(({ job }) => job.id))).toEqual(new Set(["one"]));
    expect(reader.names.at(-1)).toBe("cancelled");
    for (const id of ["", "a\nb", 7])
      expect(() => jobs.events({ id: id as string })).toThrow("the id of a job");
    reader.stop.abort();
    await fixture.clock.settle();
  });

  test("include those between the call and the first read", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const events = jobs.events()[Symbol.asyncIterator]();
    await fixture.clock.settle();
    const { id } = await jobs.send(mail);
    expect((await events.next()).value).toMatchObject({ event: "job.queued", job: { id } });
    await jobs.close();
  });

  test("are found within a second although every hint of the store is lost", async () => {
    const fixture = new JobsFixture();
    Object.assign(fixture.store, { listen: () => () => undefined });
    const jobs = await fixture.jobs();
    const reader = new Reader(jobs);
    await fixture.clock.settle();
    await jobs.send(mail);
    await fixture.clock.advance(SECOND);
    expect(reader.names).toEqual(["queued"]);
    await jobs.close();
  });

  test("go on after an outage of the store, and none is missed", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const reader = new Reader(jobs);
    await fixture.clock.settle();
    fixture.storeFault = ({ method }) => (method === "changedSince" ? "fail" : undefined);
    await jobs.send(mail);
    await fixture.clock.advance(MINUTE);
    expect(reader.names).toEqual([]);
    fixture.storeFault = () => undefined;
    await fixture.clock.advance(5 * SECOND);
    expect(reader.names).toEqual(["queued"]);
    expect(fixture.warnings.map(([code]) => code)).toContain("events");
    await jobs.close();
  });
});

describe("a cursor of events", () => {
  test("is refused when the store was replaced by an older copy, and does not wait for as many changes", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const reader = new Reader(jobs);
    await jobs.send(mail);
    await fixture.clock.advance(SECOND);
    const [place] = JSON.parse(Buffer.from(String(reader.seen[0]?.cursor), "base64url").toString()) as [
      string,
    ];
    const cursor = Buffer.from(JSON.stringify([place, "999"])).toString("base64url");
    const reading = jobs.events({ cursor })[Symbol.asyncIterator]().next();
    await expect(reading).rejects.toMatchObject({
      code: "invalid_options",
      message: expect.stringContaining("Leave the cursor out"),
    });
  });

  test("resumes after any event, and misses none", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    const all = new Reader(jobs);
    await fixture.clock.settle();
    const sent = await jobs.sendBatch(Array.from({ length: 500 }, () => mail));
    await fixture.clock.settle();
    expect(all.seen).toHaveLength(500);
    for (const index of [0, 10, 199, 200, 321, 499]) {
      const rest = new Reader(jobs, { cursor: all.seen[index]?.cursor });
      await fixture.clock.settle();
      const ids = new Set(rest.seen.map(({ job }) => job.id));
      const missing = all.seen.slice(index + 1).filter(({ job }) => !ids.has(job.id));
      expect(missing).toEqual([]);
      rest.stop.abort();
      await fixture.clock.settle();
    }
    expect(sent).toHaveLength(500);
    await jobs.close();
  });

  test("is refused if it belongs to another process of a store in memory, or to no events at all", async () => {
    const fixture = new JobsFixture();
    const [jobs, others] = await Promise.all([fixture.jobs(), fixture.jobs()]);
    const reader = new Reader(jobs);
    await fixture.clock.settle();
    await jobs.send(mail);
    await fixture.clock.settle();
    expect(() => others.events({ cursor: reader.seen[0]?.cursor })).toThrow("belongs to another job store");
    for (const cursor of ["", "x", "7", "W10", 7 as never])
      expect(() => jobs.events({ cursor })).toThrow("is not a cursor of an event");
    await jobs.close();
  });
});

test("100 readers share the requests to the store", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const readers = Array.from({ length: 100 }, () => new Reader(jobs));
  await fixture.clock.settle();
  let reads = 0;
  fixture.storeFault = ({ method }) => {
    if (method === "changedSince") reads += 1;
    return undefined;
  };
  await jobs.send(mail);
  await fixture.clock.settle();
  expect(readers.map(({ names }) => names)).toEqual(readers.map(() => ["queued"]));
  expect(reads).toBeLessThanOrEqual(4);
  await jobs.close();
});

test("events end when their signal aborts, also if it had aborted before", async () => {
  const fixture = new JobsFixture();
  const jobs = await fixture.jobs();
  const reader = new Reader(jobs);
  await fixture.clock.settle();
  reader.stop.abort();
  await fixture.clock.settle();
  await reader.ended;
  for await (const event of jobs.events({ signal: AbortSignal.abort() })) expect(event).toBeUndefined();
  expect(() => jobs.events({ search: "x" })).toThrow("payloads are not searched");
  expect(() => jobs.events({ typ: "x" } as never)).toThrow("did you mean type?");
});
