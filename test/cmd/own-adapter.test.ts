import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fixture, queueport } from "./run.ts";

const config = fileURLToPath(new URL("../../examples/directory.config.ts", import.meta.url));

describe("queueport on an adapter of one's own", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "queueport-own-"));
  });
  afterAll(() => rm(directory, { recursive: true }));

  function run(...args: readonly string[]): ReturnType<typeof queueport> {
    return queueport(args, { env: { QUEUE_DIRECTORY: directory, QUEUEPORT_CONFIG: config } });
  }

  it("every command works with the driver of a configuration module", async () => {
    expect(await run("provision", "emails").result).toMatchObject({ code: 0, stderr: "" });
    const doctor = await run("doctor", "emails").result;
    expect(doctor.stdout).toMatch(/^✓ configuration: a driver of its own\n✓ provider directory: /);
    expect(doctor).toMatchObject({ code: 0, stderr: "" });
    const sent = await run("send", "emails", `{"user":"u1"}`, "-t", "welcome", "--max-attempts", "1").result;
    expect(sent).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse((await run("stats", "emails", "--json").result).stdout)).toMatchObject([
      { queue: "emails", backlog: 1 },
    ]);

    const worker = run("worker", "--queue", "emails", "--handlers", fixture("fixable.ts"));
    expect(await worker.logged("worker started")).toMatchObject({ provider: "directory" });
    await worker.logged("job dead-lettered");
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);

    const [letter] = JSON.parse((await run("dlq", "list", "emails", "--json").result).stdout) as object[];
    expect(letter).toMatchObject({ type: "welcome", reason: "max_attempts", source: "emails" });
    const redriven = await run("dlq", "redrive", "emails", "--type", "welcome").result;
    expect(redriven).toMatchObject({ code: 0, stdout: "1 redriven to emails\n" });
    const pumping = run("pump", "emails");
    await pumping.printed(/pumping emails\n/);
    pumping.kill("SIGTERM");
    expect((await pumping.result).code).toBe(0);
  });

  it("a dry run of an adapter that cannot list changes fails, and creates nothing", async () => {
    const dry = await run("provision", "later", "--dry-run").result;
    expect(dry).toMatchObject({ code: 1, stdout: "later: failed\n" });
    expect(dry.stderr).toMatch(/cannot compare queues with their specification/);
    expect((await run("stats", "later").result).code).toBe(1);
  });

  it("--provider replaces the driver of the configuration", async () => {
    const { code, stdout } = await run("stats", "emails", "--json", "--provider", "memory").result;
    expect({ code, rows: JSON.parse(stdout) as unknown }).toMatchObject({ code: 0, rows: [{ backlog: 0 }] });
  });
});
