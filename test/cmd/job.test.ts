import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJobs } from "../../adapters/open.ts";
import { FakeClock } from "../../src/testing/index.ts";
import { fixture, queueport } from "./run.ts";

let cwd: string;
const config = {
  provider: "memory",
  worker: { queues: ["work"], handlers: fixture("recorded.ts"), metricsPort: 0 },
  jobs: {
    store: { sqlite: "jobs.db" },
    namespace: "test",
    worker_pool: { max_retries: 1, retry_delay: "10ms" },
    types: { endless: { timeout: "1h" } },
  },
};

const run = (...args: readonly string[]) => queueport([...args, "-c", "queueport.config.json"], { cwd });
const job = (...args: readonly string[]) => run("job", ...args).result;
async function json(...args: readonly string[]): Promise<any> {
  const { code, stdout, stderr } = await run("job", ...args, "--json").result;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Waits until a job is in a state, for the events of `job watch` tell the others. */
async function until(id: string, status: string): Promise<void> {
  for (;;) {
    const { jobs } = await json("list", "--status", status);
    if (jobs.some((one: { readonly id: string }) => one.id === id)) return;
  }
}

beforeAll(async () => {
  cwd = await mkdtemp(join(tmpdir(), "queueport-job-"));
  await writeFile(join(cwd, "queueport.config.json"), JSON.stringify(config));
});
afterAll(() => rm(cwd, { recursive: true }));

describe("before the migration", () => {
  it("a command names the command that migrates, and exits with 2", async () => {
    expect(await job("list")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("queueport migrate"),
    });
  });

  it("migrate creates the schema, and says so when it is current", async () => {
    const first = await run("migrate", "--json").result;
    expect(JSON.parse(first.stdout)).toMatchObject({ store: "sqlite", from: 0 });
    expect((await run("migrate").result).stdout).toMatch(/^sqlite: the schema is current: version \d+\n$/);
  });
});

it("watch refuses a filter beside an id, for it would have no effect", async () => {
  for (const args of [
    ["--type", "endless"],
    ["--cursor", "x"],
  ])
    expect(await job("watch", "endless-1", ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("An id excludes filters and --cursor"),
    });
});

describe("a worker and other processes on one store", () => {
  it("see, cancel and retry its jobs while it runs", async () => {
    const worker = run("worker");
    const { port } = await worker.logged("listening");
    await worker.logged("worker started");
    const watching = run("job", "watch", "endless-1", "--json");
    await watching.printed(/"job\.started"/);
    await until("sum-1", "completed");
    await until("fails-1", "failed");

    expect((await job("list")).stdout).toMatch(/endless-1 .* endless .* processing/);
    expect(await json("list", "--type", "sum")).toMatchObject({
      jobs: [{ id: "sum-1", status: "completed", attempt: 1, tags: ["test"] }],
      total: 1,
    });
    expect(await json("show", "fails-1")).toMatchObject({
      status: "failed",
      attempt: 2,
      max_retries: 1,
      dead_letter: { reason: "max_attempts" },
      payload: null,
      attempts: [{ attempt: 1 }, { attempt: 2 }],
    });
    expect((await job("show", "fails-1")).stdout).toMatch(/error +Error: no room\n/);
    expect((await job("result", "sum-1")).stdout).toBe("6\n");
    expect(await job("result", "endless-1")).toMatchObject({ code: 1, stdout: "" });
    expect(await job("result", "fails-1")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no room"),
    });
    expect((await job("logs", "sum-1")).stdout).toMatch(/Z info {2}adding \\u001b\[2J \{"count":3\}\n$/);
    expect(await json("logs", "endless-1")).toEqual([]);
    expect((await json("why", "endless-1")).reasons.length).toBeGreaterThan(0);

    const [health, workers, metrics] = await Promise.all(
      ["health/jobs", "health/workers", "metrics"].map(async (path) =>
        (await fetch(`http://127.0.0.1:${String(port)}/${path}`)).text(),
      ),
    );
    expect(JSON.parse(health ?? "")).toMatchObject({ status: "ok", store: { name: "sqlite" } });
    expect(JSON.parse(workers ?? "")).toMatchObject({
      cluster: { running: 1, workers: [{ queues: ["work"], running: ["endless-1"] }] },
    });
    expect(metrics).toMatch(/jobs_unfinished\{queue="work",status="processing"\} 1\n/);
    expect(metrics).toMatch(/job_claims_total\{outcome="run"\} 4\n/);

    const cancelled = await job("cancel", "endless-1", "--reason", "no need");
    expect(cancelled).toMatchObject({ code: 0, stdout: "endless-1 requested\n" });
    const watched = await watching.result;
    expect(watched.code).toBe(1);
    const events = watched.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({
      event: "job.cancelled",
      job: { id: "endless-1", cancel_reason: "no need" },
    });
    expect(await job("cancel", "sum-1")).toMatchObject({ code: 1, stderr: expect.stringContaining("over") });

    // The dispatch is done by the worker, since the queue of this process is another one.
    expect(await json("retry", "--status", "failed", "--dry-run")).toEqual({ count: 1, dryRun: true });
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  });

  it("keep the records when the worker has stopped", async () => {
    expect((await json("list")).total).toBe(3);
    const { code, stdout } = await job("watch", "sum-1");
    expect(code).toBe(0);
    expect(stdout).toMatch(/sum-1 sum completed: run 1, in \d+ms\n$/);
  });
});

describe("a change of many jobs", () => {
  it("needs a selection, and a confirmation or --yes", async () => {
    expect(await job("cancel")).toMatchObject({ code: 2, stderr: expect.stringContaining("--all") });
    expect(await job("cancel", "a", "--type", "sum")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("exclude each other"),
    });
    expect(await job("cancel", "--type", "sum")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--yes"),
    });
    for (const command of ["prune", "archive archive", "reconcile --assume lost"])
      expect(await job(...command.split(" "))).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("--yes"),
      });
  });

  it("cancels what it says in a dry run, and prints the number", async () => {
    for (const id of ["later-1", "later-2"]) {
      const sent = await run("send", "work", "[1]", "-t", "sum", "--id", id, "--delay", "1h", "--json")
        .result;
      expect(JSON.parse(sent.stdout)).toEqual({ queue: "work", id, created: true, tracked: true });
    }
    const filter = ["--type", "sum", "--status", "scheduled"];
    expect((await job("cancel", ...filter, "--dry-run")).stdout).toBe("2 jobs would be cancelled\n");
    expect(await json("cancel", ...filter, "--yes")).toEqual({ count: 2, dryRun: false });
    expect((await json("list", "--status", "cancelled")).total).toBe(3);
  });
});

describe("job watch without an id", () => {
  it("shows the events of other processes until a signal, and goes on after a cursor", async () => {
    const watching = run("job", "watch", "--type", "watched", "--json");
    const send = (id: string, type: string) =>
      run("send", "work", "[1]", "-t", type, "--id", id, "--delay", "1h").result;
    // Sent until the watch has begun, which says nothing.
    let isDone = false;
    const sending = (async () => {
      for (let n = 1; !isDone; n += 1) {
        await Promise.all([send(`other-${n}`, "other"), send(`watched-${n}`, "watched")]);
      }
    })();
    const line = await watching.printed(/^.*"job\.scheduled".*\n/m);
    watching.kill("SIGTERM");
    const { code, stdout } = await watching.result;
    expect(code).toBe(0);
    expect(stdout).not.toContain('"type":"other"');
    const { cursor, job: first } = JSON.parse(line);
    const again = run("job", "watch", "--type", "watched", "--cursor", cursor);
    // The first event may be reported once more, if others were read together with it. The next one is not missed.
    const next = `watched-${Number(first.id.split("-")[1]) + 1}`;
    await again.printed(new RegExp(` ${next} watched scheduled\\n`));
    again.kill("SIGTERM");
    const resumed = await again.result;
    expect(resumed.code).toBe(0);
    isDone = true;
    await sending;
  });
});

describe("send", () => {
  it("gets the first job for the same idempotency key, and refuses another payload", async () => {
    const send = (payload: string) =>
      run("send", "work", payload, "-t", "sum", "--idempotency-key", "k", "--tag", "a,b", "--json").result;
    const first = JSON.parse((await send("[1]")).stdout);
    const second = JSON.parse((await send("[1]")).stdout);
    expect(second).toEqual({ ...first, created: false });
    expect(await send("[2]")).toMatchObject({ code: 1, stdout: "" });
    expect(await json("list", "--tag", "b")).toMatchObject({
      total: 1,
      jobs: [{ id: first.id, tags: ["a", "b"] }],
    });
  });

  it("refuses --tag without recorded jobs", async () => {
    const { code, stderr } = await queueport(
      ["send", "work", "1", "-t", "sum", "--tag", "a", "--provider", "memory"],
      { cwd: fixture(".") },
    ).result;
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("section jobs") });
  });
});

describe("pump --jobs", () => {
  it("sends the jobs that are due until SIGTERM", async () => {
    await run("send", "work", "[1]", "-t", "sum", "--id", "soon", "--delay", "1s").result;
    const pumping = run("pump", "--jobs");
    await pumping.printed(/pumping recorded jobs\n/);
    await until("soon", "queued");
    pumping.kill("SIGTERM");
    // The message is in the memory of that process, and gone with it.
    expect(await pumping.result).toMatchObject({
      code: 0,
      stderr: expect.stringContaining("keeps messages in this process only"),
    });
  });
});

describe("retry", () => {
  it("sends a job again, and says that a queue in memory is not that of a worker", async () => {
    await run("send", "work", "[1]", "-t", "sum", "--id", "again", "--delay", "1h").result;
    await job("cancel", "again");
    expect(await job("retry", "again", "--dry-run")).toMatchObject({
      stdout: "again would be sent again\n",
      stderr: "",
    });
    expect(await job("retry", "again")).toMatchObject({
      code: 0,
      stdout: "again queued\n",
      stderr: expect.stringContaining("keeps messages in this process only"),
    });
  });
});

describe("archive", () => {
  it("writes finished jobs to a file a day, and deletes them", async () => {
    const clock = new FakeClock({ start: Date.now() - 10 * 86_400_000 });
    const { store, namespace } = config.jobs;
    const past = await openJobs(
      { provider: "memory", jobs: { store: { sqlite: join(cwd, store.sqlite) }, namespace } },
      { queue: { clock }, onWarning: () => {} },
    );
    const old = await past.send({ id: "old-1", type: "sum", payload: [1] }, { queue: "work", delay: "1h" });
    await old.cancel();
    await past.close();

    expect(await json("prune", "--dry-run")).toEqual({ count: 1, dryRun: true });
    expect(await json("archive", "kept", "--yes")).toEqual({ count: 1, dryRun: false });
    const [file = "", ...others] = await readdir(join(cwd, "kept"));
    expect(others).toEqual([]);
    const lines = gunzipSync(await readFile(join(cwd, "kept", file)))
      .toString()
      .trim();
    expect(JSON.parse(lines)).toMatchObject({ id: "old-1", status: "cancelled", payload: [1] });
    expect((await job("show", "old-1")).code).toBe(1);
    expect((await job("prune", "--yes")).stdout).toBe("0 jobs deleted\n");
  });
});

describe("bad input", () => {
  it.each([
    [["show", "nowhere"], 1, "no record of a job with the id nowhere"],
    [["cancel", "nowhere"], 1, "nowhere"],
    [["retry", "nowhere"], 1, "nowhere"],
    [["list", "--status", "runnning"], 2, "did you mean running?"],
    [["list", "--cursor", "abc"], 2, "cursor"],
    [["list", "--limit", "201"], 2, "1 to 200"],
    [["list", "--offset", "5", "--cursor", "abc"], 2, "cannot be used with"],
    [["list", "--since", "1h", "--before", "2h"], 2, "no job can match"],
    [["show", "x".repeat(129)], 2, "128"],
    [["reconcile", "--assume", "maybe"], 2, "Allowed choices"],
  ])("job %j exits with %i and one line that says why", async (args, code, sentence) => {
    const result = await job(...args);
    expect(result).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(sentence) });
    expect(result.stderr.trim().split("\n").length).toBeLessThanOrEqual(2);
  });

  it("a configuration without jobs is refused with what to add", async () => {
    const result = await queueport(["job", "list", "--provider", "memory"]).result;
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining("add one, such as jobs:") });
  });
});
