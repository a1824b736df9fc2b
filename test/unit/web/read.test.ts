import { describe, expect, test } from "vitest";
import { ApiFixture } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

async function sent(fixture: ApiFixture, extra: object = {}): Promise<string> {
  const { body } = await fixture.post("/jobs", { ...job, ...extra });
  return body.id;
}

describe("GET /jobs/:id", () => {
  test("has the members of the seed while the job runs", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture, { max_retries: 5 });
    await fixture.clock.advance(2_000);
    await fixture.run(id);
    const token = `token-${id}-1`;
    await fixture.store.apply(fixture.jobs.namespace, [
      { kind: "touch", id, token, seq: 1, progress: 50, progressMessage: "Sending email..." },
    ]);
    const { body } = await fixture.get(`/api/v1/jobs/${id}`);
    expect(body).toEqual({
      id,
      type: "email",
      status: "processing",
      queue: "emails",
      priority: "normal",
      progress: 50,
      progress_message: "Sending email...",
      retry_count: 0,
      max_retries: 5,
      attempt: 1,
      max_attempts: 6,
      worker_id: "worker-1",
      created_at: "2026-01-01T00:00:00.000Z",
      updated_at: "2026-01-01T00:00:02.000Z",
      started_at: "2026-01-01T00:00:02.000Z",
      wait_ms: 2_000,
    });
  });

  test("includes the parts that are asked for, and no others", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    await fixture.run(id, "retrying", { inMs: 0, error: { message: "refused", code: "smtp" } });
    await fixture.run(id, "completed", {
      result: { value: { messageId: "m1" } },
      logs: [{ at: fixture.clock.now(), level: "info", message: "sent" }],
    });
    const { body: plain } = await fixture.get(`/jobs/${id}`);
    expect(plain).not.toHaveProperty("payload");
    expect(plain).not.toHaveProperty("attempts");
    const { body } = await fixture.get(`/jobs/${id}?include=payload,result,attempts,logs`);
    expect(body).toMatchObject({
      payload: job.payload,
      result: { messageId: "m1" },
      attempts: [{ attempt: 1, error: { message: "refused", code: "smtp" } }],
      logs: [{ level: "info", message: "sent" }],
    });
    const { status, body: problem } = await fixture.get(`/jobs/${id}?include=payloads`);
    expect(status).toBe(400);
    expect(problem.detail).toContain("payloads");
  });

  test("has another ETag once its payload is deleted after its retention", async () => {
    await using fixture = await ApiFixture.open();
    const { body } = await fixture.post("/jobs", { type: "email", payload: { to: "a" } });
    await fixture.run(body.id, "completed");
    const path = `/jobs/${body.id}?include=payload`;
    const etag = (await fixture.get(path)).headers.get("etag") ?? "";
    await fixture.clock.advance(25 * 3_600_000);
    await fixture.jobs.prune();
    const answer = await fixture.get(path, { headers: { "if-none-match": etag } });
    expect([answer.status, answer.body?.payload]).toEqual([200, undefined]);
  });

  test("has an ETag that changes with the job, and answers 304 to it", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const { headers } = await fixture.get(`/jobs/${id}`);
    const etag = headers.get("etag") ?? "";
    const same = await fixture.get(`/jobs/${id}`, { headers: { "if-none-match": `"x", W/${etag}` } });
    expect({ status: same.status, body: same.body }).toEqual({ status: 304, body: undefined });
    const other = await fixture.get(`/jobs/${id}?include=payload`, { headers: { "if-none-match": etag } });
    expect(other.status).toBe(200);
    await fixture.run(id, "completed");
    const changed = await fixture.get(`/jobs/${id}`, { headers: { "if-none-match": etag } });
    expect(changed.status).toBe(200);
  });

  test("that waits answers when the job is over, or when the time is up", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const waiting = fixture.get(`/jobs/${id}?wait=completed&timeout=30`);
    await fixture.clock.advance(1_000);
    await fixture.run(id, "completed");
    await fixture.clock.advance(2_000);
    expect((await waiting).body.status).toBe("completed");
    const over = await fixture.get(`/jobs/${id}?wait=completed`);
    expect(over.body.status).toBe("completed");
    const other = await sent(fixture);
    const late = fixture.get(`/jobs/${other}?wait=finished&timeout=5`);
    await fixture.clock.advance(5_000);
    expect((await late).body.status).toBe("queued");
    expect((await fixture.get(`/jobs/${other}?wait=started`)).status).toBe(400);
    expect((await fixture.get(`/jobs/${other}?wait=completed&timeout=3600`)).status).toBe(400);
  });

  test("waiting for a job that fails answers with its failure", async () => {
    await using fixture = await ApiFixture.open();
    const id = await sent(fixture);
    const waiting = fixture.get(`/jobs/${id}?wait=completed`);
    await fixture.run(id, "failed", { error: { message: "no" }, deadLetterReason: "permanent" });
    await fixture.clock.advance(2_000);
    expect((await waiting).body).toMatchObject({ status: "failed", dead_letter: { reason: "permanent" } });
  });

  test("answers 404 to an unknown id, with the reasons that there may be", async () => {
    await using fixture = await ApiFixture.open();
    for (const path of ["", "/result", "/logs", "/events"]) {
      const { status, body } = await fixture.get(`/jobs/nobody${path}`);
      expect({ status, code: body.code }).toEqual({ status: 404, code: "untracked" });
    }
  });

  test("takes an id with a slash or a line break, and puts none into a header", async () => {
    await using fixture = await ApiFixture.open();
    const { status, headers, body } = await fixture.post("/jobs", { ...job, id: "a/b c?d#é" });
    expect(status).toBe(201);
    const path = headers.get("location") ?? "";
    expect(path).toBe("/api/v1/jobs/a%2Fb%20c%3Fd%23%C3%A9");
    expect((await fixture.get(path)).body.id).toBe(body.id);
    const injected = await fixture.post("/jobs", { ...job, id: "a\r\nset-cookie: b=1" });
    expect(injected.status).toBe(400);
    expect((await fixture.get("/jobs/a%0d%0ab")).status).toBe(400);
    expect((await fixture.get("/jobs/%E0%A4%A")).status).toBe(404);
  });
});

describe("GET /jobs", () => {
  test("answers the list of the seed", async () => {
    await using fixture = await ApiFixture.open();
    const ids = [await sent(fixture), await sent(fixture), await sent(fixture)];
    for (const id of ids.slice(0, 2)) await fixture.run(id, "completed");
    const { body } = await fixture.get("/api/v1/jobs?status=completed&type=email&limit=50&offset=0");
    expect(body).toMatchObject({ total: 2, limit: 50, offset: 0 });
    expect(body).not.toHaveProperty("next_cursor");
    expect(body.jobs.map(({ id }: { id: string }) => id).toSorted()).toEqual(ids.slice(0, 2).toSorted());
  });

  test("filters by each parameter, and by lists", async () => {
    await using fixture = await ApiFixture.open({ api: { anyType: true } });
    const id = await sent(fixture, {
      priority: 2,
      tenant: "acme",
      tags: ["import"],
      payload: { to: "needle" },
    });
    await sent(fixture, { delay_ms: 60_000 });
    await sent(fixture, { type: "other", queue: "others" });
    const totalOf = async (query: string): Promise<number> =>
      (await fixture.get(`/jobs?${query}`)).body.total;
    expect(await totalOf("")).toBe(3);
    expect(await totalOf("status=queued,scheduled")).toBe(3);
    expect(await totalOf("status=queued&status=scheduled")).toBe(3);
    expect(await totalOf("status=pending")).toBe(2);
    expect(await totalOf("type=email,other")).toBe(3);
    expect(await totalOf("queue=others")).toBe(1);
    expect(await totalOf("priority=high,critical")).toBe(1);
    expect(await totalOf("tenant=acme")).toBe(1);
    expect(await totalOf("tag=import")).toBe(1);
    expect(await totalOf("q=needle")).toBe(1);
    expect(await totalOf("created_after=2026-01-01T00:00:00Z")).toBe(3);
    expect(await totalOf("created_before=2026-01-01T00:00:00%2B00:00")).toBe(0);
    expect(await totalOf("stalled=true")).toBe(0);
    await fixture.run(id, "retrying", { inMs: 1_000, error: { message: "m", code: "smtp" } });
    expect(await totalOf("error=smtp&worker_id=worker-1")).toBe(1);
  });

  test("pages by cursor, with a link, and by offset", async () => {
    await using fixture = await ApiFixture.open();
    for (let n = 0; n < 5; n += 1) {
      await sent(fixture);
      await fixture.clock.advance(1);
    }
    const first = await fixture.get("/jobs?limit=2&type=email");
    expect(first.body).toMatchObject({ total: 5, limit: 2, offset: 0 });
    const link = /^<(\?[^>]+)>; rel="next"$/.exec(first.headers.get("link") ?? "")?.[1];
    const second = await fixture.get(`/jobs${link}`);
    expect(second.body).toMatchObject({ total: 5, limit: 2 });
    expect(second.body).not.toHaveProperty("offset");
    const byOffset = await fixture.get("/jobs?limit=2&offset=2&type=email");
    expect(byOffset.body.jobs).toEqual(second.body.jobs);
    const last = await fixture.get(`/jobs?limit=2&type=email&cursor=${second.body.next_cursor}`);
    expect(last.body.jobs).toHaveLength(1);
    expect(last.headers.get("link")).toBeNull();
    const oldest = await fixture.get("/jobs?order=oldest&limit=1");
    expect(oldest.body.jobs[0]).toEqual(last.body.jobs[0]);
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=201", "limit"],
    ["limit=99999999999999999999", "limit"],
    ["limit=-1", "limit"],
    ["limit=1e2", "limit"],
    ["limit=1&limit=2", "limit"],
    ["offset=10001", "offset"],
    ["order=random", "order"],
    ["status=", "status"],
    ["created_after=yesterday", "created_after"],
    ["created_after=2026-02-30T00:00:00Z&created_before=2026-01-01T00:00:00Z", "created_after"],
    ["stalled=false", "stalled"],
    ["tenant=a&tenant=b", "tenant"],
    ["typ=email", "typ"],
    ["workflow_id=1", "workflow_id"],
    ["__proto__=1", "__proto__"],
    [`type=${"x".repeat(300)}`, "type"],
  ])("refuses %s", async (query, parameter) => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.get(`/jobs?${query}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code: "invalid_request" });
    expect(body.errors.map((one: { parameter: string }) => one.parameter)).toContain(parameter);
  });

  test.each([
    ["status=complete", "completed"],
    ["stalled=true&status=completed", "stalled"],
    ["cursor=a&offset=1", "cursor"],
    ["cursor=not-a-cursor", "cursor"],
  ])("refuses %s with a sentence of jobs", async (query, word) => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.get(`/jobs?${query}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code: "invalid_options" });
    expect(body.detail).toContain(word);
  });

  test("refuses the cursor of another query", async () => {
    await using fixture = await ApiFixture.open();
    for (let n = 0; n < 3; n += 1) await sent(fixture);
    const { body } = await fixture.get("/jobs?limit=1&type=email");
    const other = await fixture.get(`/jobs?limit=1&status=queued&cursor=${body.next_cursor}`);
    expect(other.status).toBe(400);
    expect(other.body.detail).toContain("another query");
  });

  test("names each of many faults, and quotes the first three", async () => {
    await using fixture = await ApiFixture.open();
    const wrong = [
      "limit=x",
      "offset=x",
      "order=x",
      "stalled=x",
      "created_after=x",
      "created_before=x",
      "priority=x",
      "status=",
      "type=",
      "tenant=",
      "nonsense=1",
    ];
    const { status, body } = await fixture.get(`/jobs?${wrong.join("&")}`);
    expect(status).toBe(400);
    expect(body.errors).toHaveLength(11);
    expect(body.detail).toContain("; and 8 more.");
  });
});
