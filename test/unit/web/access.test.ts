import { describe, expect, test } from "vitest";
import { QueueError } from "../../../src/errors.ts";
import { bearerTokens, type Caller } from "../../../web/api/caller.ts";
import { jobsApi } from "../../../web/api/jobs-api.ts";
import { type Answered, ApiFixture, email } from "./fixture.ts";

const job = { type: "email", payload: { to: "a" } };

const callers = {
  "viewer-token-000000": { role: "viewer", name: "vera" },
  "operator-token-0000": { role: "operator", name: "otto" },
  "admin-token-0000000": { role: "admin", name: "ada" },
  "acme-token-00000000": { role: "admin", tenant: "acme", name: "acme" },
  "email-token-0000000": { role: "operator", types: ["welcome"] },
} as const satisfies Readonly<Record<string, Caller>>;

type Token = keyof typeof callers;

const headersOf = (token: Token) => ({ headers: { authorization: `Bearer ${token}` } });

function closedApi(): Promise<ApiFixture> {
  return ApiFixture.open({ api: { authorize: bearerTokens(callers) } });
}

const codeOf = ({ status, body }: Answered) => `${status} ${body?.code}`;

describe("jobsApi", () => {
  test("is not created without authorize, unless it is declared open", async () => {
    await using fixture = await ApiFixture.open();
    expect(() => jobsApi(fixture.jobs, {})).toThrow("jobsApi: authorize is needed");
    expect(() => jobsApi(fixture.jobs, { open: false })).toThrow("authorize is needed");
    expect(() => jobsApi(fixture.jobs, { open: true, authorize: () => undefined })).toThrow(
      "exclude each other",
    );
    expect(() => jobsApi(fixture.jobs, { open: true, basePath: "/api/" })).toThrow("basePath is a path");
    expect(() => jobsApi(fixture.jobs, { open: true, maxBodyBytes: 0 })).toThrow(
      "maxBodyBytes is a whole number",
    );
    expect(() => jobsApi(fixture.jobs, { open: true, heartbeat: 0 })).toThrow("heartbeat is a duration");
    expect(() => jobsApi(fixture.jobs, { open: true, opne: true } as never)).toThrow(QueueError);
  });

  test("answers 401 without a caller, to every path but health", async () => {
    await using fixture = await closedApi();
    const paths = [
      "/jobs",
      "/jobs/a",
      "/jobs/a/events",
      "/events",
      "/queues",
      "/workers",
      "/stats",
      "/types",
      "/openapi.json",
    ];
    for (const path of paths) {
      const answer = await fixture.get(path);
      expect([path, codeOf(answer)]).toEqual([path, "401 unauthorized"]);
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="queueport"');
    }
    const wrong = [
      "Bearer",
      "Bearer x",
      "Basic dmlld2VyOng=",
      "Bearer viewer-token-000000 x",
      "viewer-token-000000",
    ];
    for (const authorization of wrong) {
      const answer = await fixture.get("/jobs", { headers: { authorization } });
      expect([authorization, answer.status]).toEqual([authorization, 401]);
    }
    expect(
      (await fixture.get("/jobs", { headers: { authorization: "bearer viewer-token-000000" } })).status,
    ).toBe(200);
  });

  test("shows its health to everybody, and the details to callers only", async () => {
    await using fixture = await closedApi();
    for (const path of ["/health/jobs", "/health/queues", "/health/workers"]) {
      for (const base of ["", "/api/v1"]) {
        const open = await fixture.get(`${base}${path}`);
        expect({ status: open.status, body: open.body }).toEqual({ status: 200, body: { status: "ok" } });
      }
      const known = await fixture.get(path, headersOf("viewer-token-000000"));
      expect(known.body).toMatchObject({ status: "ok", problems: [] });
      expect(Object.keys(known.body).length).toBeGreaterThan(2);
      const limited = await fixture.get(path, headersOf("acme-token-00000000"));
      expect(limited.body).toEqual({ status: "ok" });
    }
  });

  test("closes when authorize throws, and reports why", async () => {
    const refused = new Error("the directory is down");
    const authorize = () => Promise.reject(refused);
    await using fixture = await ApiFixture.open({ api: { authorize } });
    const answer = await fixture.get("/jobs");
    expect(codeOf(answer)).toBe("500 internal");
    expect(JSON.stringify(answer.body)).not.toContain("directory");
    expect(fixture.errors).toEqual([refused]);
    expect((await fixture.get("/health/jobs")).status).toBe(500);
  });

  test("refuses a caller with a role that does not exist", async () => {
    await using fixture = await ApiFixture.open({ api: { authorize: () => ({ role: "root" }) as never } });
    expect((await fixture.get("/jobs")).status).toBe(401);
  });
});

describe("a caller whose limits are malformed", () => {
  test.each([{ tenant: null }, { tenant: "" }, { tenant: 7 }, { name: 7 }, { types: "email" }])(
    "%j is refused, and sees no tenant",
    async (limits) => {
      const authorize = () => ({ role: "admin", ...limits }) as never;
      await using fixture = await ApiFixture.open({ api: { authorize } });
      await fixture.jobs.send(email.message({ to: "a" }), { tenant: "acme" });
      for (const answer of [
        await fixture.get("/jobs"),
        await fixture.post("/jobs/bulk", { action: "cancel", filter: { type: "email" } }),
        await fixture.post("/jobs", job),
      ])
        expect(codeOf(answer)).toBe("500 internal");
      expect(String(fixture.errors[0])).toContain("authorize returned a caller whose");
    },
  );
});

describe("an open API", () => {
  test("refuses what a proxy forwards, which may come from anywhere", async () => {
    await using fixture = await ApiFixture.open();
    for (const name of ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"]) {
      const answer = await fixture.get("/jobs", { headers: { host: "localhost", [name]: "10.0.0.5" } });
      expect([name, codeOf(answer)]).toEqual([name, "403 not_local"]);
    }
    await using anywhere = await ApiFixture.open({ api: { open: "anywhere" } });
    expect((await anywhere.get("/jobs", { headers: { "x-forwarded-for": "10.0.0.5" } })).status).toBe(200);
  });

  test("serves this machine, and no other name that leads to it", async () => {
    await using fixture = await ApiFixture.open();
    for (const host of ["localhost", "localhost:8080", "jobs.localhost:1", "127.0.0.1:8080", "[::1]:8080"])
      expect((await fixture.get("/jobs", { headers: { host } })).status).toBe(200);
    for (const host of ["evil.example", "10.0.0.5:8080", "localhost.evil.example", "127.0.0.1.evil.example"])
      expect(codeOf(await fixture.get("/jobs", { headers: { host } }))).toBe("403 not_local");
    expect(codeOf(await fixture.get("/health/jobs", { headers: { host: "evil.example" } }))).toBe(
      "200 undefined",
    );
  });

  test("that is open anywhere serves every name", async () => {
    await using fixture = await ApiFixture.open({ api: { open: "anywhere" } });
    expect((await fixture.get("/jobs", { headers: { host: "jobs.example" } })).status).toBe(200);
  });
});

describe("roles", () => {
  test("a viewer reads, and changes nothing", async () => {
    await using fixture = await closedApi();
    const viewer = headersOf("viewer-token-000000");
    expect((await fixture.get("/jobs", viewer)).status).toBe(200);
    const answer = await fixture.post("/jobs", job, viewer);
    expect(codeOf(answer)).toBe("403 forbidden");
    expect(answer.body.detail).toContain("needs the role operator; the caller has the role viewer");
    for (const path of [
      "/jobs/a/cancel",
      "/jobs/a/retry",
      "/jobs/a/promote",
      "/jobs/bulk",
      "/queues/emails/dead-letters/redrive",
    ])
      expect(codeOf(await fixture.post(path, {}, viewer))).toBe("403 forbidden");
  });

  test("an operator changes one job, and an admin many", async () => {
    await using fixture = await closedApi();
    const operator = headersOf("operator-token-0000");
    const { status, body } = await fixture.post("/jobs", job, operator);
    expect(status).toBe(201);
    expect((await fixture.post(`/jobs/${body.id}/cancel`, {}, operator)).status).toBe(202);
    const bulk = { action: "cancel", filter: { type: "email" } };
    expect(codeOf(await fixture.post("/jobs/bulk", bulk, operator))).toBe("403 forbidden");
    expect((await fixture.post("/jobs/bulk", bulk, headersOf("admin-token-0000000"))).status).toBe(200);
  });

  test("a caller sends the types that it may send, and no others", async () => {
    await using fixture = await closedApi();
    const limited = headersOf("email-token-0000000");
    const answer = await fixture.post("/jobs", job, limited);
    expect(codeOf(answer)).toBe("403 forbidden");
    expect(answer.body.detail).toBe('The caller may not send jobs of type "email"; it may send "welcome".');
    expect((await fixture.get("/types", limited)).body.types).toEqual([]);
  });
});

describe("a caller of one tenant", () => {
  const acme = headersOf("acme-token-00000000");
  const admin = headersOf("admin-token-0000000");

  test("sends and sees the jobs of its tenant only", async () => {
    await using fixture = await closedApi();
    const own = await fixture.post("/jobs", job, acme);
    const other = await fixture.post("/jobs", { ...job, tenant: "umbrella" }, admin);
    const none = await fixture.post("/jobs", job, admin);
    expect(own.body.tenant).toBe("acme");
    expect((await fixture.get("/jobs", acme)).body.jobs.map(({ id }: { id: string }) => id)).toEqual([
      own.body.id,
    ]);
    expect((await fixture.get("/jobs", admin)).body.total).toBe(3);
    for (const { body } of [other, none]) {
      for (const path of ["", "/result", "/logs", "/events"])
        expect(codeOf(await fixture.get(`/jobs/${body.id}${path}`, acme))).toBe("404 untracked");
      for (const path of ["cancel", "retry", "promote"])
        expect(codeOf(await fixture.post(`/jobs/${body.id}/${path}`, {}, acme))).toBe("404 untracked");
    }
    expect((await fixture.get("/jobs?status=cancelled", admin)).body.total).toBe(0);
  });

  test("cannot ask for another tenant", async () => {
    await using fixture = await closedApi();
    expect(codeOf(await fixture.get("/jobs?tenant=umbrella", acme))).toBe("403 forbidden");
    expect(codeOf(await fixture.get("/events?tenant=umbrella", acme))).toBe("403 forbidden");
    expect(codeOf(await fixture.post("/jobs", { ...job, tenant: "umbrella" }, acme))).toBe("403 forbidden");
    const bulk = { action: "cancel", filter: { tenant: "umbrella" } };
    expect(codeOf(await fixture.post("/jobs/bulk", bulk, acme))).toBe("403 forbidden");
  });

  test("changes many jobs of its own only", async () => {
    await using fixture = await closedApi();
    await fixture.post("/jobs", job, acme);
    const { body } = await fixture.post("/jobs", { ...job, tenant: "umbrella" }, admin);
    const bulk = { action: "cancel", filter: { type: "email" } };
    expect((await fixture.post("/jobs/bulk", bulk, acme)).body.count).toBe(1);
    const byId = await fixture.post("/jobs/bulk", { action: "cancel", ids: [body.id] }, acme);
    expect(byId.body).toMatchObject({ count: 0, outcomes: [{ outcome: "refused" }] });
    expect((await fixture.get(`/jobs/${body.id}`, admin)).body.status).toBe("queued");
  });

  test("does not get the job of another tenant by its id", async () => {
    await using fixture = await closedApi();
    await fixture.post("/jobs", { ...job, tenant: "umbrella", id: "order-1" }, admin);
    const answer = await fixture.post("/jobs", { ...job, id: "order-1" }, acme);
    expect(codeOf(answer)).toBe("422 conflict");
    expect(JSON.stringify(answer.body)).not.toContain("umbrella");
  });

  test("sees nothing that concerns all tenants", async () => {
    await using fixture = await closedApi();
    for (const path of ["/queues", "/queues/emails", "/workers", "/stats", "/queues/emails/dead-letters"])
      expect(codeOf(await fixture.get(path, acme))).toBe("403 forbidden");
    expect(codeOf(await fixture.post("/queues/emails/dead-letters/discard", { all: true }, acme))).toBe(
      "403 forbidden",
    );
  });
});

describe("a page of another site", () => {
  test("cannot have a browser change jobs", async () => {
    await using fixture = await ApiFixture.open();
    const { body } = await fixture.post("/jobs", job);
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
      { origin: "null" },
    ]) {
      const answer = await fixture.post(`/jobs/${body.id}/cancel`, undefined, { headers });
      expect(codeOf(answer)).toBe("403 cross_site");
    }
    for (const headers of [{ "sec-fetch-site": "same-origin" }, { origin: "http://localhost" }])
      expect((await fixture.post(`/jobs/${body.id}/cancel`, undefined, { headers })).status).toBe(202);
  });
});

describe("bearerTokens", () => {
  test("refuses short tokens, roles that do not exist, and no token at all", () => {
    expect(() => bearerTokens({})).toThrow("one token or more");
    expect(() => bearerTokens({ short: { role: "admin" } })).toThrow("16 characters or more");
    expect(() => bearerTokens({ "long-enough-token-00": { role: "root" as "admin" } })).toThrow(
      "viewer, operator, admin",
    );
    expect(() => bearerTokens({ "long-enough-token-00": { role: "viewer", tenant: "" } })).toThrow(
      "bearerTokens has a caller whose tenant is an empty string",
    );
  });
});

test("onAudit is called after each change that was asked for, with its caller and its outcome", async () => {
  await using fixture = await closedApi();
  await fixture.get("/jobs", headersOf("viewer-token-000000"));
  await fixture.post("/jobs", job, headersOf("viewer-token-000000"));
  await fixture.post("/jobs", job, headersOf("operator-token-0000"));
  await fixture.post("/jobs", job);
  expect(fixture.audited).toEqual([
    { operation: "sendJob", method: "POST", path: "/jobs", name: "vera", tenant: undefined, status: 403 },
    { operation: "sendJob", method: "POST", path: "/jobs", name: "otto", tenant: undefined, status: 201 },
    { operation: "sendJob", method: "POST", path: "/jobs", name: undefined, tenant: undefined, status: 401 },
  ]);
});

test("other paths and methods are refused with what there is", async () => {
  await using fixture = await ApiFixture.open();
  const path = await fixture.get("/api/v1/job");
  expect(codeOf(path)).toBe("404 no_route");
  expect(path.body.detail).toContain("/api/v1/openapi.json");
  expect((await fixture.get("/")).status).toBe(404);
  const method = await fixture.request("DELETE", "/api/v1/jobs/a");
  expect(codeOf(method)).toBe("405 method_not_allowed");
  expect(method.headers.get("allow")).toBe("GET");
  expect((await fixture.request("PUT", "/jobs")).headers.get("allow")).toBe("POST, GET");
  const head = await fixture.raw("/api/v1/jobs", { method: "HEAD" });
  expect({ status: head.status, text: await head.text() }).toEqual({ status: 200, text: "" });
});
