import { describe, expect, test } from "vitest";
import { ApiFixture } from "./fixture.ts";

const payload = { to: "user@example.com", subject: "Test Email", body: "This is a test" };
const job = { type: "email", payload };

describe("POST /jobs", () => {
  test("sends the job of the seed, and answers with its record and its path", async () => {
    await using fixture = await ApiFixture.open();
    const { status, headers, body } = await fixture.post("/api/v1/jobs", { ...job, priority: 1 });
    expect(status).toBe(201);
    expect(headers.get("location")).toBe(`/api/v1/jobs/${body.id}`);
    expect(headers.get("queueport-warning")).toBeNull();
    expect(body).toMatchObject({ type: "email", status: "queued", queue: "emails", priority: "normal" });
    expect(body).toMatchObject({ retry_count: 0, max_retries: 4, created_at: "2026-01-01T00:00:00.000Z" });
    expect((await fixture.get(headers.get("location") ?? "")).status).toBe(200);
    expect((await fixture.jobs.queue.stats("emails")).messages).toBe(1);
  });

  test("works below its base path and without it, as some frameworks remove it", async () => {
    await using fixture = await ApiFixture.open({ api: { basePath: "/admin/jobs-api" } });
    const { body, headers } = await fixture.post("/jobs", job);
    expect(headers.get("location")).toBe(`/admin/jobs-api/jobs/${body.id}`);
    const response = await fixture.raw(`/admin/jobs-api/jobs/${body.id}`);
    expect(response.status).toBe(200);
  });

  test("records a priority, and warns where it is not normal", async () => {
    await using fixture = await ApiFixture.open();
    for (const [priority, name] of [
      [0, "low"],
      [2, "high"],
      [3, "critical"],
      ["high", "high"],
    ]) {
      const { status, headers, body } = await fixture.post("/jobs", { ...job, priority });
      expect({ status, priority: body.priority }).toEqual({ status: 201, priority: name });
      expect(headers.get("queueport-warning")).toContain(`the priority ${name} is recorded`);
    }
  });

  test("refuses an id by which no path leads to the job", async () => {
    await using fixture = await ApiFixture.open();
    for (const id of [".", ".."]) {
      const { status, body } = await fixture.post("/jobs", { ...job, id });
      expect({ status, pointer: body.errors[0].pointer }).toEqual({ status: 400, pointer: "/id" });
    }
    for (const id of ["...", "a/b?c#d", "%2e%2e", "é ☃", "\\", "bulk"]) {
      const { status, headers } = await fixture.post("/jobs", { ...job, id });
      expect([id, status]).toEqual([id, 201]);
      const read = await fixture.get(headers.get("location") ?? "");
      expect([read.status, read.body.id]).toEqual([200, id]);
    }
  });

  test("refuses a header that would be lost", async () => {
    await using fixture = await ApiFixture.open();
    const text = `{"type":"email","payload":{"to":"a"},"headers":{"__proto__":"x"}}`;
    for (const [body, pointer] of [
      [text, "/headers/__proto__"],
      [`[${text}]`, "/0/headers/__proto__"],
    ] as const) {
      const answer = await fixture.post("/jobs", body);
      const problem = answer.body.outcomes?.[0].problem ?? answer.body;
      expect([problem.status, problem.errors[0].pointer]).toEqual([400, pointer]);
    }
  });

  test("schedules a job by a delay or by a date", async () => {
    await using fixture = await ApiFixture.open();
    const delayed = await fixture.post("/jobs", { ...job, delay_ms: 60_000 });
    const scheduled = await fixture.post("/jobs", { ...job, scheduled_at: "2026-01-01T02:00:00+01:00" });
    expect(delayed.body).toMatchObject({ status: "scheduled", scheduled_at: "2026-01-01T00:01:00.000Z" });
    expect(scheduled.body).toMatchObject({ status: "scheduled", scheduled_at: "2026-01-01T01:00:00.000Z" });
  });

  test("takes the retries or the attempts, the tags and the headers of a job", async () => {
    await using fixture = await ApiFixture.open();
    const retries = await fixture.post("/jobs", {
      ...job,
      max_retries: 5,
      tags: ["import"],
      headers: { a: "b" },
    });
    expect(retries.body).toMatchObject({ max_retries: 5, max_attempts: 6, tags: ["import"] });
    const attempts = await fixture.post("/jobs", { ...job, max_attempts: 1 });
    expect(attempts.body).toMatchObject({ max_retries: 0, max_attempts: 1 });
  });

  test.each([
    [{ payload }, "type is missing", "/type"],
    [{ type: "email" }, "payload is missing", "/payload"],
    [
      { ...job, priority: 4 },
      "priority: expected 0 (low), 1 (normal), 2 (high), 3 (critical), or the name",
      "/priority",
    ],
    [{ ...job, priority: "hihg" }, "did you mean high?", "/priority"],
    [{ ...job, delay_ms: -1 }, "delay_ms: too small: expected number to be >=0", "/delay_ms"],
    [
      { ...job, delay_ms: 1, scheduled_at: "2026-01-02T00:00:00Z" },
      "not together with scheduled_at",
      "/delay_ms",
    ],
    [{ ...job, max_retries: 1, max_attempts: 2 }, "not together with max_attempts", "/max_retries"],
    [{ ...job, scheduled_at: "tomorrow" }, 'such as 2026-01-31T08:00:00Z; got "tomorrow"', "/scheduled_at"],
    [{ ...job, prioritty: 1 }, "unknown member prioritty; did you mean priority?", "/prioritty"],
    [{ ...job, unique: {} }, "unique is not supported yet; leave it out", "/unique"],
    [{ ...job, "a/b~c": 1 }, 'unknown member "a/b~c"', "/a~1b~0c"],
    [{ ...job, tags: [1] }, "tags.0: invalid input: expected string", "/tags/0"],
    ["text", "the body: invalid input: expected object", ""],
    [null, "the body: invalid input: expected object", ""],
  ])("refuses %j", async (body, sentence, pointer) => {
    await using fixture = await ApiFixture.open();
    const { status, headers, body: problem } = await fixture.post("/jobs", JSON.stringify(body));
    expect(status).toBe(400);
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(problem).toMatchObject({ status: 400, code: "invalid_request", title: "Invalid request" });
    expect(problem.detail).toContain(sentence);
    expect(problem.errors[0].pointer).toBe(pointer);
    expect((await fixture.jobs.list()).total).toBe(0);
  });

  test("refuses a type that nobody handles, and names the one that was meant", async () => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.post("/jobs", { ...job, type: "emial" });
    expect({ status, code: body.code }).toEqual({ status: 422, code: "unknown_type" });
    expect(body.detail).toBe('No job type "emial" is known here. Did you mean "email"?');
  });

  test("sends a type that a live worker handles", async () => {
    await using fixture = await ApiFixture.open();
    const worker = {
      id: "w",
      host: "h",
      pid: 1,
      version: "1",
      queues: ["images"],
      types: ["resize"],
      slots: 1,
    };
    const idle = { running: [], runningCount: 0, lagMs: 0, rss: 1, startedAt: 0, seenAt: 0 };
    await fixture.store.beat(fixture.jobs.namespace, { ...worker, ...idle });
    expect((await fixture.post("/jobs", { type: "resize", payload: {}, queue: "images" })).status).toBe(201);
  });

  test("sends any type to the queue that is named, if anyType is set", async () => {
    await using fixture = await ApiFixture.open({ api: { anyType: true } });
    expect((await fixture.post("/jobs", { type: "other", payload: null, queue: "others" })).status).toBe(201);
    const { status, body } = await fixture.post("/jobs", { type: "other", payload: null });
    expect({ status, code: body.code }).toEqual({ status: 400, code: "invalid_options" });
  });

  test("answers a repeated id with the job that is there, and refuses another payload", async () => {
    await using fixture = await ApiFixture.open();
    const first = await fixture.post("/jobs", { ...job, id: "order-42" });
    const again = await fixture.post("/jobs", { ...job, id: "order-42" });
    expect(first.status).toBe(201);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    const other = await fixture.post("/jobs", { type: "email", payload: { to: "b" }, id: "order-42" });
    expect({ status: other.status, code: other.body.code }).toEqual({ status: 422, code: "conflict" });
    const long = await fixture.post("/jobs", { ...job, id: "i".repeat(129) });
    expect(long.status).toBe(400);
    expect(long.body.detail).toContain("128 bytes");
  });

  test("says that a queue does not exist, with 422 if the request names it and 503 if the server does", async () => {
    await using fixture = await ApiFixture.open({ emulate: "sqs" });
    await fixture.jobs.queue.drop("emails");
    const { status, body } = await fixture.post("/jobs", job);
    expect({ status, code: body.code }).toEqual({ status: 503, code: "not_found" });
    const named = await fixture.post("/jobs", { ...job, queue: "nowhere" });
    expect({ status: named.status, code: named.body.code }).toEqual({ status: 422, code: "not_found" });
  });

  test("refuses a queue beyond its limit until there is room", async () => {
    await using fixture = await ApiFixture.open({ jobs: { maxJobs: { emails: 1 } } });
    expect((await fixture.post("/jobs", job)).status).toBe(201);
    const { status, headers, body } = await fixture.post("/jobs", job);
    expect({ status, code: body.code }).toEqual({ status: 429, code: "queue_full" });
    expect(headers.get("retry-after")).toBe("1");
  });
});

describe("Idempotency-Key", () => {
  const key = { headers: { "idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324" } };

  test("a repeated request gets the job of the first", async () => {
    await using fixture = await ApiFixture.open();
    const first = await fixture.post("/jobs", { ...job, delay_ms: 5_000 }, key);
    await fixture.clock.advance(1_000);
    // The order of members does not matter.
    const again = await fixture.post("/jobs", { delay_ms: 5_000, payload, type: "email" }, key);
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body.id).toBe(first.body.id);
    expect((await fixture.jobs.list()).total).toBe(1);
  });

  test("requests at the same time make one job", async () => {
    await using fixture = await ApiFixture.open();
    const answers = await Promise.all(Array.from({ length: 50 }, () => fixture.post("/jobs", job, key)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  test.each([
    ["another payload", { type: "email", payload: { to: "b" } }],
    ["another delay", { ...job, delay_ms: 1 }],
    ["another priority", { ...job, priority: 2 }],
    ["another queue", { ...job, queue: "others" }],
  ])("the same key with %s is refused", async (_, other) => {
    await using fixture = await ApiFixture.open();
    expect((await fixture.post("/jobs", job, key)).status).toBe(201);
    const { status, body } = await fixture.post("/jobs", other, key);
    expect({ status, code: body.code }).toEqual({ status: 422, code: "conflict" });
    expect(body.detail).toContain("The Idempotency-Key was used by another request");
  });

  test("the same key of another caller or tenant names another job", async () => {
    const callers = {
      "token-of-the-first-one": { role: "operator", name: "one" },
      "token-of-the-second-one": { role: "operator", name: "two" },
      "token-of-a-third-one": { role: "operator", tenant: "acme" },
    } as const;
    const { bearerTokens } = await import("../../../web/api/caller.ts");
    await using fixture = await ApiFixture.open({ api: { authorize: bearerTokens(callers) } });
    const ids = new Set<string>();
    for (const token of Object.keys(callers)) {
      const headers = { ...key.headers, authorization: `Bearer ${token}` };
      const { status, body } = await fixture.post("/jobs", job, { headers });
      expect(status).toBe(201);
      ids.add(body.id);
    }
    expect(ids.size).toBe(3);
  });

  test("an id and a key together are refused", async () => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.post("/jobs", { ...job, id: "a" }, key);
    expect(status).toBe(400);
    expect(body.detail).toContain("Each names the job: send one of them.");
  });

  test.each(["", "a b", "k".repeat(256), '"open'])("the key %j is refused", async (given) => {
    await using fixture = await ApiFixture.open();
    const { status } = await fixture.post("/jobs", job, { headers: { "idempotency-key": given } });
    expect(status).toBe(given === '"open' ? 201 : 400);
  });

  test("each job of an array has the key and its number", async () => {
    await using fixture = await ApiFixture.open();
    const first = await fixture.post("/jobs", [job, job], key);
    const again = await fixture.post("/jobs", [job, job], key);
    expect(first.body.outcomes.map(({ status }: { status: number }) => status)).toEqual([201, 201]);
    expect(again.body.outcomes).toMatchObject([
      { status: 200, replayed: true },
      { status: 200, replayed: true },
    ]);
    expect((await fixture.jobs.list()).total).toBe(2);
  });
});

describe("an array of jobs", () => {
  test("has one outcome for each, in their order", async () => {
    await using fixture = await ApiFixture.open();
    const { status, body } = await fixture.post("/jobs", [
      job,
      { type: "emial", payload },
      { type: "email" },
      { ...job, priority: 3 },
    ]);
    expect(status).toBe(207);
    expect(body.outcomes).toMatchObject([
      { status: 201, job: { type: "email" } },
      { status: 422, problem: { code: "unknown_type" } },
      { status: 400, problem: { code: "invalid_request", errors: [{ pointer: "/2/payload" }] } },
      { status: 201, warning: expect.stringContaining("critical") },
    ]);
  });

  test("is refused if it is empty, or has more than 1,000 jobs", async () => {
    await using fixture = await ApiFixture.open();
    expect((await fixture.post("/jobs", [])).status).toBe(400);
    const { status, body } = await fixture.post(
      "/jobs",
      Array.from({ length: 1_001 }, () => job),
    );
    expect(status).toBe(400);
    expect(body.detail).toContain("at most 1000 jobs; got 1001");
  });
});
