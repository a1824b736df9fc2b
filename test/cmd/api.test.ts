import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixture, queueport } from "./run.ts";

const job = { type: "email", payload: { to: "user@example.com" } };
const token = "a-token-of-this-test";
let cwd: string;

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "queueport-api-"));
  const config =
    "provider: memory\njobs:\n  store: { memory: true }\n  types: { email: { queue: emails } }\n";
  await writeFile(join(cwd, "queueport.config.yaml"), config);
  await writeFile(join(cwd, "token"), `${token}\n`);
});
afterAll(() => rm(cwd, { recursive: true }));

interface Started {
  readonly running: ReturnType<typeof queueport>;
  readonly url: string;
}

async function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Started> {
  const running = queueport(["api", "--port", "0", "--json", ...args], { cwd, env });
  const line = await running.printed(/^\{"url":.*\}$/m);
  return { running, url: (JSON.parse(line) as { readonly url: string }).url };
}

function post(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
  const body = JSON.stringify(job);
  return fetch(`${url}/jobs`, {
    method: "POST",
    body,
    headers: { "content-type": "application/json", ...headers },
  });
}

test("api serves this machine without a token, prints what was changed, and ends on SIGTERM", async () => {
  const { running, url } = await start([]);
  const sent = await post(url);
  expect(sent.status).toBe(201);
  const read = await fetch(new URL(sent.headers.get("location") ?? "", url));
  expect(await read.json()).toMatchObject({ type: "email", queue: "emails", status: "queued" });
  const stream = await fetch(`${url}/events`);
  const reading = stream.text().catch(() => "cut off");
  running.kill("SIGTERM");
  await reading;
  const { code, stdout } = await running.result;
  expect(code).toBe(0);
  expect(stdout).toContain('{"operation":"sendJob","method":"POST","path":"/api/v1/jobs","status":201}');
});

test("api does not start open if QUEUEPORT_API_TOKEN is set and empty", async () => {
  const running = queueport(["api", "--port", "0"], { cwd, env: { QUEUEPORT_API_TOKEN: "" } });
  const { code, stderr } = await running.result;
  expect(stderr).toContain("QUEUEPORT_API_TOKEN is set and empty; set it to the token, or unset it.");
  expect(code).toBe(2);
});

test("api with a token refuses requests without it, but for health", async () => {
  for (const [args, env] of [
    [["--host", "0.0.0.0", "--token-file", join("token")], {}],
    [["--host", "0.0.0.0"], { QUEUEPORT_API_TOKEN: token }],
  ] as const) {
    const { running, url } = await start(args, env);
    const local = url.replace("0.0.0.0", "127.0.0.1");
    expect((await post(local)).status).toBe(401);
    expect((await post(local, { authorization: `Bearer ${token}` })).status).toBe(201);
    const health = await fetch(new URL("/health/queues", local));
    expect({ status: health.status, body: await health.json() }).toEqual({
      status: 200,
      body: { status: "ok" },
    });
    running.kill("SIGTERM");
    const { code, stdout, stderr } = await running.result;
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(token);
  }
});

test("api refuses to listen beyond this machine without a token", async () => {
  const { code, stdout, stderr } = await queueport(["api", "--host", "0.0.0.0"], { cwd }).result;
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("The API would be open to everybody who reaches 0.0.0.0.");
});

test("api needs recorded jobs", async () => {
  const { code, stderr } = await queueport(["api", "--provider", "memory"], { cwd: tmpdir() }).result;
  expect(code).toBe(2);
  expect(stderr).toContain("The configuration has no section jobs");
});

test("api shows, follows and cancels a job that runs in another process", async () => {
  const folder = await mkdtemp(join(tmpdir(), "queueport-api-shared-"));
  const config = {
    provider: "memory",
    worker: { queues: ["work"], handlers: fixture("recorded.ts"), metricsPort: 0 },
    jobs: { store: { sqlite: "jobs.db" }, namespace: "test", migrate: true },
  };
  await writeFile(join(folder, "queueport.config.json"), JSON.stringify(config));
  const worker = queueport(["worker"], { cwd: folder });
  await worker.logged("worker started");
  const api = queueport(["api", "--port", "0", "--json"], { cwd: folder });
  const { url } = JSON.parse(await api.printed(/^\{"url":.*\}$/m)) as { readonly url: string };
  const get = async (path: string): Promise<Record<string, unknown>> =>
    (await (await fetch(`${url}${path}`)).json()) as Record<string, unknown>;

  const sum = await get("/jobs/sum-1?wait=completed&include=result,logs");
  expect(sum).toMatchObject({ status: "completed", result: 6, logs: [{ message: "adding \u001b[2J" }] });
  await expect
    .poll(async () => (await get("/jobs/endless-1"))["progress_message"], { timeout: 20_000 })
    .toBe("begun");
  const following = fetch(`${url}/jobs/endless-1/events`).then((response) => response.text());
  const cancelled = await fetch(`${url}/jobs/endless-1/cancel`, { method: "POST" });
  expect(await cancelled.json()).toMatchObject({ outcome: "requested" });
  // The stream ends with the job, so the handler was told.
  const events = await following;
  expect(events).toContain("event: job.snapshot");
  expect(events).toContain("event: job.cancelled");
  expect(await get("/health/workers")).toMatchObject({ status: "ok", workers: [{ queues: ["work"] }] });
  expect(await get("/types")).toMatchObject({
    types: [{ type: "endless" }, { type: "fails" }, { type: "sum" }],
  });

  for (const one of [api, worker]) one.kill("SIGTERM");
  expect((await api.result).code).toBe(0);
  expect((await worker.result).code).toBe(0);
  await rm(folder, { recursive: true });
});
