import { describe, expect, test } from "vitest";
import type { WorkerRow } from "../../../src/jobs/store/job-store.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { PermanentError } from "../../../src/errors.ts";
import { ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

const worker: WorkerRow = {
  id: "host-1-1",
  host: "host",
  pid: 1,
  version: "0.1.0",
  queues: ["emails"],
  types: ["email"],
  slots: 5,
  running: ["a"],
  runningCount: 1,
  lagMs: 2,
  rss: 1_000,
  startedAt: Date.UTC(2026, 0, 1),
  seenAt: 0,
};

async function deadLettered(fixture: ApiFixture, count: number): Promise<void> {
  const { queue } = fixture.jobs;
  const failing = new Worker(queue, { concurrency: 1 }).register("email", () => {
    throw new PermanentError("no such user");
  });
  failing.on("failed", () => {});
  for (let n = 0; n < count; n += 1) await queue.send("emails", job);
  await failing.start("emails");
  await fixture.clock.advance(5_000);
  await failing.stop();
}

describe("GET /queues", () => {
  test("lists queues of definitions, jobs and settings, with their counts", async () => {
    await using fixture = await ApiFixture.open({ api: { anyType: true, queues: ["spare"] } });
    await fixture.post("/jobs", job);
    await fixture.post("/jobs", { ...job, delay_ms: 60_000 });
    await fixture.post("/jobs", { type: "x", payload: 1, queue: "others" });
    const { body } = await fixture.get("/queues");
    expect(body.queues).toMatchObject([
      { name: "emails", jobs: { queued: 1, scheduled: 1 }, messages: 1, dead_letters: 0 },
      { name: "others", jobs: { queued: 1 } },
      { name: "spare", jobs: {}, messages: 0 },
    ]);
    const one = await fixture.get("/queues/emails");
    expect(one.body).toEqual(body.queues[0]);
  });

  test("refuses a queue that is not in use, and suggests one", async () => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.get("/queues/email");
    expect({ status, code: body.code }).toEqual({ status: 404, code: "not_found" });
    expect(body.detail).toContain('Did you mean "emails"?');
  });

  test("asks the provider once in 10 seconds, and shows the code of its error only", async () => {
    await using fixture = await ApiFixture.open();
    let calls = 0;
    Object.assign(fixture.jobs.queue, {
      stats: () => {
        calls += 1;
        return Promise.reject(new Error("https://account-123.example"));
      },
    });
    await Promise.all([fixture.get("/queues"), fixture.get("/queues")]);
    const { body } = await fixture.get("/queues");
    expect(body.queues).toEqual([{ name: "emails", jobs: {}, error: "failed" }]);
    expect(calls).toBe(1);
    const health = await fixture.get("/health/queues");
    expect(health).toMatchObject({ status: 503, body: { status: "failing" } });
    expect(JSON.stringify(health.body)).not.toContain("account-123");
    await fixture.clock.advance(10_000);
    await fixture.get("/queues");
    expect(calls).toBe(2);
  });
});

describe("dead letters", () => {
  test("are listed and grouped", async () => {
    await using fixture = await ApiFixture.open();
    await deadLettered(fixture, 3);
    const { body } = await fixture.get("/queues/emails/dead-letters?reason=permanent_error&limit=2");
    expect(body.dead_letters).toHaveLength(2);
    expect(body.dead_letters[0]).toMatchObject({
      type: "email",
      error: expect.stringContaining("no such user"),
    });
    const groups = await fixture.get("/queues/emails/dead-letters/groups");
    expect(groups.body.groups).toMatchObject([
      { count: 3, type: "email", example: { payload: { to: "a" } } },
    ]);
    const other = await fixture.get("/queues/emails/dead-letters?type=other");
    expect(other.body.dead_letters).toEqual([]);
  });

  test("are redriven and discarded by a selection, never by an empty one", async () => {
    await using fixture = await ApiFixture.open();
    await deadLettered(fixture, 3);
    const { body: list } = await fixture.get("/queues/emails/dead-letters");
    const [first] = list.dead_letters;
    const path = "/queues/emails/dead-letters";
    for (const action of ["redrive", "discard"]) {
      expect((await fixture.post(`${path}/${action}`, {})).status).toBe(400);
      expect((await fixture.post(`${path}/${action}`, { all: true, type: "email" })).status).toBe(400);
    }
    const dry = await fixture.post(`${path}/redrive`, { all: true, dry_run: true });
    expect(dry.body).toEqual({ dry_run: true, matched: 3, redriven: 3, skipped: 0, failed: 0 });
    const redriven = await fixture.post(`${path}/redrive`, { ids: [first.id] });
    expect(redriven.body).toMatchObject({ matched: 1, redriven: 1 });
    const discarded = await fixture.post(`${path}/discard`, { all: true });
    expect(discarded.body).toEqual({ dry_run: false, discarded: 2 });
    expect((await fixture.jobs.queue.stats("emails")).failed).toBe(0);
  });

  test("are sent to a queue that is in use only", async () => {
    await using fixture = await ApiFixture.open();
    const path = "/queues/emails/dead-letters/redrive";
    expect((await fixture.post(path, { all: true, to: "elsewhere" })).status).toBe(404);
    expect(
      (await fixture.get("/queues/emails/dead-letters?since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z"))
        .status,
    ).toBe(400);
  });
});

test("GET /workers lists the workers that were seen", async () => {
  await using fixture = await ApiFixture.open();
  await fixture.store.beat(fixture.jobs.namespace, worker);
  const { body } = await fixture.get("/workers");
  expect(body.workers).toMatchObject([
    { id: "host-1-1", running_count: 1, rss_bytes: 1_000, seen_at: "2026-01-01T00:00:00.000Z" },
  ]);
});

test("GET /stats counts the runs that ended within the window", async () => {
  await using fixture = await ApiFixture.open();
  for (const outcome of ["completed", "completed", "failed"] as const) {
    const { body } = await fixture.post("/jobs", job);
    const end = outcome === "failed" ? { error: { message: "no" }, deadLetterReason: "permanent" } : {};
    await fixture.run(body.id, outcome, end);
  }
  await fixture.post("/jobs", job);
  const { body } = await fixture.get("/stats?window=15m");
  expect(body).toMatchObject({ window_ms: 900_000, since: expect.any(String) });
  expect(body.ended).toContainEqual({
    queue: "emails",
    type: "email",
    status: "completed",
    count: 2,
    mean_duration_ms: 10,
  });
  expect(body.minutes).toMatchObject([{ completed: 2, failed: 1 }]);
  expect(body.unfinished).toEqual([{ queue: "emails", type: "email", status: "queued", count: 1 }]);
  for (const window of ["1s", "2d", "soon", "60"])
    expect((await fixture.get(`/stats?window=${window}`)).status).toBe(400);
});

test("GET /types has the JSON Schema of each payload", async () => {
  await using fixture = await ApiFixture.open();
  await fixture.store.beat(fixture.jobs.namespace, { ...worker, types: ["email", "resize"] });
  const { body } = await fixture.get("/types");
  expect(body.types).toMatchObject([
    {
      type: "email",
      queue: "emails",
      is_defined: true,
      workers: 1,
      payload: { type: "object", properties: { to: { type: "string" } }, required: ["to"] },
    },
    { type: "resize", is_defined: false, workers: 1 },
  ]);
});

describe("GET /health", () => {
  test("/workers is failing while jobs wait and no worker is there", async () => {
    await using fixture = await ApiFixture.open();
    await fixture.post("/jobs", job);
    const none = await fixture.get("/health/workers");
    expect({ status: none.status, body: none.body.status }).toEqual({ status: 503, body: "failing" });
    expect(none.body.problems[0]).toContain("the queue emails");
    await fixture.store.beat(fixture.jobs.namespace, worker);
    await fixture.clock.advance(2_000);
    const { status, body } = await fixture.get("/health/workers");
    expect({ status, body }).toMatchObject({ status: 200, body: { status: "ok", slots: 5, running: 1 } });
  });

  test("/jobs has the store and the unfinished jobs", async () => {
    await using fixture = await ApiFixture.open();
    await fixture.post("/jobs", { ...job, delay_ms: 60_000 });
    const { body } = await fixture.get("/health/jobs");
    expect(body).toMatchObject({
      status: "ok",
      store: { name: "memory", reachable: true },
      unfinished: [{ queue: "emails", status: "scheduled", count: 1 }],
    });
  });

  test("/queues has the depth of each queue and of its dead-letter queue", async () => {
    await using fixture = await ApiFixture.open();
    const { body } = await fixture.get("/health/queues");
    expect(body.queues).toMatchObject([{ name: "emails", messages: 0, dead_letters: 0 }]);
  });
});
