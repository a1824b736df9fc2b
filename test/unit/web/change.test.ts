import { describe, expect, test } from "vitest";
import { ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

async function sent(fixture: ApiFixture, extra: object = {}): Promise<string> {
  const { body } = await fixture.post("/jobs", { ...job, ...extra });
  return body.id;
}

describe("POST /jobs/:id/cancel", () => {
  test("cancels a job that has not started, and answers a second time the same", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    for (let n = 0; n < 2; n += 1) {
      const { status, body } = await fixture.post(`/jobs/${id}/cancel`, { reason: "user left" });
      expect(status).toBe(202);
      expect(body).toMatchObject({
        id,
        status: "cancelled",
        outcome: "cancelled",
        cancel_reason: "user left",
      });
    }
  });

  test("needs no body", async () => {
    await using fixture = await ApiFixture.open();
    const { status } = await fixture.post(`/jobs/${await sent(fixture)}/cancel`);
    expect(status).toBe(202);
  });

  test("asks a job that runs to end", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id);
    const { body } = await fixture.post(`/jobs/${id}/cancel`);
    expect(body).toMatchObject({ status: "processing", outcome: "requested" });
    expect(body).toHaveProperty("cancel_requested_at");
  });

  test("refuses a job that is over, and a job that is unknown", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id, "completed");
    const { status, body } = await fixture.post(`/jobs/${id}/cancel`);
    expect({ status, code: body.code }).toEqual({ status: 409, code: "conflict" });
    expect(body.detail).toContain("it is completed");
    expect((await fixture.post("/jobs/nobody/cancel")).status).toBe(404);
    expect((await fixture.get("/jobs/nobody")).status).toBe(404);
  });

  test("refuses members that it does not know", async () => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.post(`/jobs/${await sent(fixture)}/cancel`, { reasn: "a" });
    expect(status).toBe(400);
    expect(body.detail).toContain("did you mean reason?");
  });
});

describe("POST /jobs/:id/retry", () => {
  test("runs a failed job again", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id, "failed", { error: { message: "no" }, deadLetterReason: "permanent" });
    const { status, body } = await fixture.post(`/jobs/${id}/retry`);
    expect(status).toBe(202);
    expect(body).toMatchObject({ id, status: "queued" });
  });

  test("runs a completed job again only with force", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id, "completed");
    const { status, body } = await fixture.post(`/jobs/${id}/retry`);
    expect({ status, code: body.code }).toEqual({ status: 409, code: "conflict" });
    expect((await fixture.post(`/jobs/${id}/retry`, { force: true })).status).toBe(202);
  });

  test("refuses a job that is not over, and one that is unknown", async () => {
    await using fixture = await ApiFixture.open();
    expect((await fixture.post(`/jobs/${await sent(fixture)}/retry`)).status).toBe(409);
    expect((await fixture.post("/jobs/nobody/retry")).status).toBe(404);
  });
});

describe("POST /jobs/:id/promote", () => {
  test("makes a scheduled job due now, and refuses any other", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture, { delay_ms: 3_600_000 });
    const { status, body } = await fixture.post(`/jobs/${id}/promote`);
    expect(status).toBe(202);
    expect(body.status).toBe("queued");
    await fixture.run(id, "completed");
    expect((await fixture.post(`/jobs/${id}/promote`)).status).toBe(409);
  });
});

describe("GET /jobs/:id/result", () => {
  test("is 202 before the end, and the result after it", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const early = await fixture.get(`/jobs/${id}/result`);
    expect({ status: early.status, state: early.body.status }).toEqual({ status: 202, state: "queued" });
    expect(early.headers.get("retry-after")).toBe("1");
    await fixture.run(id, "completed", { result: { value: [1, { a: null }] } });
    const { status, body } = await fixture.get(`/jobs/${id}/result`);
    expect(status).toBe(200);
    expect(body).toEqual({ id, status: "completed", result: [1, { a: null }] });
  });

  test("says that there is none, and why", async () => {
    await using fixture = await ApiFixture.open();
    const none = await sent(fixture);
    await fixture.run(none, "completed");
    expect((await fixture.get(`/jobs/${none}/result`)).body).toEqual({ id: none, status: "completed" });
    const large = await sent(fixture);
    await fixture.run(large, "completed", { resultOmitted: "too_large" });
    expect((await fixture.get(`/jobs/${large}/result`)).body).toMatchObject({ result_omitted: "too_large" });
  });

  test("is 409 with the error of a job that failed or was cancelled", async () => {
    await using fixture = await ApiFixture.open();
    const failed = await sent(fixture);
    await fixture.run(failed, "failed", {
      error: { message: "no such user" },
      deadLetterReason: "permanent",
    });
    const { status, body } = await fixture.get(`/jobs/${failed}/result`);
    expect({ status, code: body.code }).toEqual({ status: 409, code: "job_failed" });
    expect(body).toMatchObject({ error: { message: "no such user" }, dead_letter: { reason: "permanent" } });
    const cancelled = await sent(fixture);
    await fixture.post(`/jobs/${cancelled}/cancel`, { reason: "changed my mind" });
    const other = await fixture.get(`/jobs/${cancelled}/result`);
    expect({ status: other.status, code: other.body.code }).toEqual({ status: 409, code: "job_cancelled" });
    expect(other.body.detail).toContain("changed my mind");
  });
});

test("GET /jobs/:id/logs has the lines that the handler has logged", async () => {
  await using fixture = await ApiFixture.open();
  const id = await sent(fixture);
  expect((await fixture.get(`/jobs/${id}/logs`)).body).toEqual({ id, logs: [] });
  const at = fixture.clock.now();
  await fixture.run(id, "completed", { logs: [{ at, level: "warn", message: "slow", fields: { ms: 5 } }] });
  expect((await fixture.get(`/jobs/${id}/logs`)).body.logs).toEqual([
    { at: "2026-01-01T00:00:00.000Z", level: "warn", message: "slow", fields: { ms: 5 } },
  ]);
});

describe("POST /jobs/bulk", () => {
  test("cancels the jobs that a filter selects, and counts them before on request", async () => {
    await using fixture = await ApiFixture.open();
    for (let n = 0; n < 3; n += 1) await sent(fixture, { tags: n === 0 ? ["keep"] : ["drop"] });
    const body = { action: "cancel", filter: { tag: "drop", status: ["queued"] } };
    const dry = await fixture.post("/jobs/bulk", { ...body, dry_run: true });
    expect(dry.body).toEqual({ action: "cancel", dry_run: true, count: 2 });
    expect((await fixture.get("/jobs?status=cancelled")).body.total).toBe(0);
    const done = await fixture.post("/jobs/bulk", { ...body, reason: "import was wrong" });
    expect(done.body).toEqual({ action: "cancel", dry_run: false, count: 2 });
    expect((await fixture.get("/jobs?status=cancelled")).body.total).toBe(2);
  });

  test("retries jobs by their ids, with an outcome for each", async () => {
    await using fixture = await ApiFixture.open();
    const failed = await sent(fixture);
    await fixture.run(failed, "failed", { error: { message: "no" }, deadLetterReason: "permanent" });
    const queued = await sent(fixture);
    const ids = [failed, queued, "nobody", failed];
    const { body } = await fixture.post("/jobs/bulk", { action: "retry", ids });
    expect(body).toMatchObject({
      count: 1,
      outcomes: [
        { id: failed, outcome: "retried" },
        { id: queued, outcome: "refused", problem: { code: "conflict" } },
        { id: "nobody", outcome: "refused", problem: { code: "untracked" } },
      ],
    });
    expect(body.outcomes).toHaveLength(3);
  });

  test.each([
    { action: "cancel" },
    { action: "cancel", filter: {} },
    { action: "cancel", ids: [] },
    { action: "cancel", ids: ["a"], filter: { type: "email" } },
    { action: "delete", ids: ["a"] },
    { action: "cancel", filter: { typ: "email" } },
    { action: "cancel", filter: { stalled: false } },
    { filter: { type: "email" } },
  ])("refuses %j, and changes nothing", async (body) => {
    await using fixture = await ApiFixture.open();
    await sent(fixture);
    expect((await fixture.post("/jobs/bulk", body)).status).toBe(400);
    expect((await fixture.get("/jobs?status=cancelled")).body.total).toBe(0);
  });
});
