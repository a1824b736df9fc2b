import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { fixture, main, queueport } from "./run.ts";

const SOON = { timeout: 60_000 };
const base = ["worker", "--provider", "memory", "--queue", "emails"];

describe("queueport worker", () => {
  it("drains on SIGTERM: running jobs finish, and it exits with 0", async () => {
    const worker = queueport([...base, "--handlers", fixture("steady.ts"), "--concurrency", "3"]);
    await worker.logged("working", 3);
    worker.kill("SIGTERM");
    const { code, log, stderr } = await worker.result;
    const messages = log.map(({ msg }) => msg);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(messages.filter((message) => message === "finished")).toHaveLength(3);
    expect(messages.indexOf("onStop was called")).toBeGreaterThan(messages.lastIndexOf("finished"));
    expect(messages.at(-1)).toBe("stopped");
  });

  it.each([
    ["has ended", (script: string) => `${script}; true`],
    ["has ended, and a shell is between them", (script: string) => `sh -c '${script}; true'; true`],
  ])("drains when npm, which does not forward a SIGTERM, %s", { timeout: 120_000 }, async (_when, within) => {
    const command = within(
      `${process.execPath} ${main} ${base.join(" ")} --handlers ${fixture("steady.ts")}`,
    );
    const env = { ...process.env, npm_command: "exec" };
    const npm = spawn("/bin/sh", ["-c", command], { env, stdio: ["ignore", "pipe", "inherit"] });
    let stdout = "";
    npm.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    await vi.waitFor(() => expect(stdout).toContain("worker started"), SOON);
    npm.kill("SIGTERM");
    // The worker holds the pipe open until it ends.
    await once(npm.stdout, "end");
    expect(stdout).toContain('"signal":"SIGTERM"');
    expect(stdout).toMatch(/"stopped"\}\n$/);
  });

  it("exits soon after its drain, even if a library keeps the process alive", async () => {
    const worker = queueport([...base, "--handlers", fixture("lingering.ts")]);
    await worker.logged("worker started");
    const asked = performance.now();
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
    // The timer that keeps the process alive takes a minute.
    expect(performance.now() - asked).toBeLessThan(20_000);
  });

  it("exits with 3 after drain and grace if a job ignores its signal, and names the job", async () => {
    const args = [...base, "--handlers", fixture("stuck.ts"), "--drain", "300ms", "--grace", "200ms"];
    const worker = queueport(args);
    await worker.logged("working");
    const asked = performance.now();
    worker.kill("SIGTERM");
    const { code, stderr } = await worker.result;
    expect(code).toBe(3);
    // The process has exited 3 s after drain and grace, which leaves 2 s of the 30 s that Kubernetes gives with the defaults.
    expect(performance.now() - asked).toBeLessThan(500 + 3_000);
    expect(stderr).toMatch(/^queueport: .*the-stuck-one.*\n$/);
  });

  it.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)("exits immediately on a second signal, %s", async (signal, expected) => {
    const worker = queueport([...base, "--handlers", fixture("stuck.ts"), "--drain", "5m"]);
    await worker.logged("working");
    worker.kill("SIGINT");
    await worker.logged("draining; a second signal exits immediately");
    worker.kill(signal);
    expect((await worker.result).code).toBe(expected);
  });

  it("serves metrics and health on the port that the configuration file sets", async () => {
    const worker = queueport(["worker", "--config", fixture("full.config.ts")]);
    const { port } = await worker.logged("listening");
    const get = (path: string): Promise<Response> => fetch(`http://127.0.0.1:${String(port)}${path}`);
    await worker.logged("finished", 3);
    await vi.waitFor(async () => {
      expect(await (await get("/metrics")).text()).toMatch(
        /jobs_processed_total\{[^}]*type="steady"[^}]*\} 3\n/,
      );
    }, SOON);
    const ready = await get("/health/ready");
    expect(ready.status).toBe(200);
    expect(await ready.json()).toMatchObject({ ready: true, state: "running" });
    expect((await get("/health/live")).status).toBe(200);
    await vi.waitFor(async () => {
      expect(await (await get("/health/queues")).json()).toMatchObject({
        queues: [{ queue: "emails", messages: 0, inFlight: 0, delayed: 0, failed: 0 }],
      });
      expect(await (await get("/health/workers")).json()).toMatchObject({ state: "running", running: 0 });
    }, SOON);
    expect((await get("/nothing")).status).toBe(404);
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  });

  it("reads its settings from the environment, and prefers flags to them", async () => {
    const env = {
      QUEUEPORT_PROVIDER: "memory",
      QUEUEPORT_QUEUES: "reports, invoices",
      QUEUEPORT_HANDLERS: fixture("steady.ts"),
      QUEUEPORT_LOG_LEVEL: "debug",
    };
    const worker = queueport(["worker", "--queue", "emails"], { env });
    expect(await worker.logged("worker started")).toMatchObject({ queues: ["emails"], types: ["steady"] });
    await worker.logged("job completed", 3);
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  });

  it("names a queue that does not exist in one line without a stack, and exits with 1", async () => {
    const folder = await mkdtemp(join(tmpdir(), "queueport-cmd-"));
    const config = join(folder, "queueport.config.json");
    await writeFile(config, '{ "provider": "memory", "strict": true }');
    const handlers = join(folder, "handlers.mjs");
    await writeFile(handlers, 'export const mail = { type: "mail", handler() {} };');
    const args = ["worker", "--config", config, "--queue", "emails", "--handlers", handlers];
    const { code, stdout, stderr } = await queueport(args).result;
    await rm(folder, { recursive: true });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^queueport: .*"emails" does not exist.*\n$/);
    expect(stdout).toContain('"code":"not_found"');
    expect(stdout).not.toContain("core-queue.ts");
  });

  it("logs a failed job as a warning and a dead letter as an error", async () => {
    const worker = queueport([...base, "--handlers", fixture("failing.ts")]);
    const job = { id: "lost", type: "broken", queue: "emails", attempt: 1, err: { message: "no such user" } };
    expect(await worker.logged("job failed")).toMatchObject({ ...job, level: 40 });
    expect(await worker.logged("job dead-lettered")).toMatchObject({
      ...job,
      level: 50,
      reason: "max_attempts",
    });
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  });

  it("survives errors that the logger cannot read, and logs them, while other jobs finish", async () => {
    const worker = queueport([...base, "--handlers", fixture("unreadable.ts"), "--concurrency", "10"]);
    expect(await worker.logged("job dead-lettered", 4)).toMatchObject({ reason: "max_attempts" });
    await worker.logged("finished");
    worker.kill("SIGTERM");
    const { code, stderr, log } = await worker.result;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const failed = log.filter(({ msg }) => msg === "job failed");
    expect(new Set(failed.map(({ type }) => type))).toEqual(
      new Set(["frozen", "getter", "handled", "proxy"]),
    );
  });

  it("exits with 1 if an error that the logger cannot read is thrown outside of a job", async () => {
    const worker = queueport([...base, "--handlers", fixture("crash.ts")]);
    const { code, stderr, log } = await worker.result;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^queueport: Error: a frozen crash\n$/);
    expect(log.at(-1)).toMatchObject({ level: 60, err: { message: "Error: a frozen crash" } });
  });

  it("exits with 1 if onStart fails", async () => {
    const worker = queueport([...base, "--handlers", fixture("bad-start.ts")]);
    const { code, stderr } = await worker.result;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^queueport: .*onStart failed: .*no first jobs.*\n$/);
  });
});
