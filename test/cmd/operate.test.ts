import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { memoryWarning } from "../../cmd/lib/open.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { fixture, queueport } from "./run.ts";

const IN_MEMORY = expect.stringMatching(/^queueport: the memory provider [^\n]+\n$/) as string;

describe("a command on queues in memory", () => {
  it.each([
    ["stats", "emails", "--json"],
    ["dlq", "list", "emails"],
    ["provision", "emails"],
  ])("%s says that it sees no message of another process, and succeeds", async (...args) => {
    expect(await queueport([...args, "--provider", "memory"]).result).toMatchObject({
      code: 0,
      stderr: IN_MEMORY,
    });
  });

  it("worker logs it", async () => {
    const worker = queueport(["worker", "-q", "emails", "--provider", "memory", "-H", "steady.ts"]);
    const { msg } = await worker.logged(memoryWarning({ provider: "memory" } as Queue) ?? "");
    expect(msg).toMatch(/this process only/);
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  });
});

describe("queueport jobs", () => {
  it("lists the job types that a handlers module registers", async () => {
    const { code, stdout } = await queueport(["jobs", "--handlers", fixture("steady.ts")]).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/type .* schema .* max attempts .* timeout .* concurrency/);
    expect(stdout).toMatch(/steady/);
    const { stdout: json } = await queueport(["jobs", "--handlers", fixture("steady.ts"), "--json"]).result;
    expect(JSON.parse(json)).toEqual([{ type: "steady", schema: null }]);
  });
});

describe("queueport pump", () => {
  it("moves messages until SIGTERM", async () => {
    const pumping = queueport(["pump", "emails", "reports", "-c", "emulated.json"]);
    await pumping.printed(/pumping emails, reports\n/);
    pumping.kill("SIGTERM");
    expect(await pumping.result).toMatchObject({ code: 0, stderr: IN_MEMORY });
  });

  it("fails if a queue does not exist", async () => {
    const { code, stderr } = await queueport(["pump", "emails", "nowhere", "-c", "emulated.json"]).result;
    expect(code).toBe(1);
    expect(stderr).toMatch(/queue "nowhere".*Create the queue/);
  });
});

describe("queueport provision", () => {
  it("prints the changes of a dry run, and makes them without one", async () => {
    const args = ["provision", "emails", "reports", "nowhere", "-c", "emulated.json"];
    const dry = await queueport([...args, "--dry-run", "--lease", "1m"]).result;
    expect(dry).toMatchObject({ code: 0, stderr: IN_MEMORY });
    expect(dry.stdout).toMatch(
      /^emails: would be changed\n {2}~ queue emails: brokerMaxDeliveries 100 → 15\n/,
    );
    expect(dry.stdout).toMatch(
      /nowhere: would be changed\n {2}\+ queue nowhere\n {2}\+ queue nowhere-dlq\n {2}\+ queue nowhere-delay\n$/,
    );
    const done = await queueport([...args, "--json"]).result;
    expect(JSON.parse(done.stdout)).toMatchObject([
      { queue: "emails", changes: [{ kind: "change", setting: "brokerMaxDeliveries", to: "15" }] },
      { queue: "reports" },
      { queue: "nowhere", changes: [{ kind: "create" }, { kind: "create" }, { kind: "create" }] },
    ]);
  });
});

describe("queueport provision, for a queue that cannot become what is asked", () => {
  it.each([[], ["--dry-run"]])(
    "fails with the difference and what to do, and provisions the others %s",
    async (...mode) => {
      const args = ["provision", "emails", "reports", "--ordered", "emails", "-c", "sessions.json", ...mode];
      const { code, stdout, stderr } = await queueport(args).result;
      expect(code).toBe(1);
      expect(stdout).toMatch(
        /^emails: failed\n {2}! queue emails: ordering none → by_key\nreports: (?:done|would be changed)\n/,
      );
      expect(stderr).toMatch(
        /which cannot become by_key\. Delete the queue first, or choose another name\.\n$/,
      );
    },
  );
});

describe("queueport doctor", () => {
  it("prints one line per check, and exits with 1 if something is broken", async () => {
    const good = await queueport(["doctor", "emails", "--provider", "memory", "-H", "steady.ts"]).result;
    expect(good.code).toBe(0);
    expect(good.stdout).toMatch(
      /^✓ configuration: provider memory\n✓ handlers: steady\n! provider memory: .*this process only.* → choose another provider.*\n✓ queue emails: exists\n/,
    );
    const bad = await queueport(["doctor", "nowhere", "-c", "emulated.json", "-H", "none.ts"]).result;
    expect(bad.code).toBe(1);
    expect(bad.stdout).toMatch(/\n✗ handlers: .*registers no handlers.* → correct the module/);
    expect(bad.stdout).toMatch(/\n✗ queue nowhere: does not exist → queueport provision nowhere/);
    const json = await queueport(["doctor", "nowhere", "-c", "emulated.json", "--json"]).result;
    expect(JSON.parse(json.stdout)).toContainEqual(
      expect.objectContaining({ level: "broken", what: "queue nowhere: does not exist" }),
    );
  });

  it("checks the lease of its flag in place of that of the configuration", async () => {
    const args = ["doctor", "emails", "-c", "emulated.json", "--lease", "13h"];
    const { code, stdout } = await queueport(args).result;
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ queue emails: a lease of 46800000 ms is longer than the provider allows/);
  });

  it("keeps the findings before a host that is no URL, and does not fail", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "queueport-"));
    const config = { provider: "sqs", region: "no region", requestTimeoutMs: 500 };
    await writeFile(join(cwd, "queueport.config.json"), JSON.stringify(config));
    const env = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
    const { code, stdout, stderr } = await queueport(["doctor", "emails"], { cwd, env }).result;
    await rm(cwd, { recursive: true });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(
      /^✓ configuration: provider sqs\n✗ queue emails: [^]*✗ clock: .*is no URL → correct/,
    );
  });

  it.each([
    ["without a region", {}, /Region is missing: give region, or set AWS_REGION/],
    ["without credentials", { AWS_REGION: "eu-west-1" }, /there are no credentials: set AWS_PROFILE/],
  ])(
    "says what is missing for SQS %s, and not that the provider is out of reach",
    async (_what, env, sentence) => {
      const none = { AWS_EC2_METADATA_DISABLED: "true", HOME: "/nonexistent", ...env };
      const { code, stdout } = await queueport(["doctor", "emails", "--provider", "sqs"], { env: none })
        .result;
      expect(code).toBe(1);
      const line = stdout.split("\n").find((one) => one.startsWith("✗ queue emails"));
      expect(line).toMatch(sentence);
      expect(line).not.toMatch(/denied|reach the provider/);
    },
  );

  it("reports a mistake in the configuration", async () => {
    const { code, stdout } = await queueport(["doctor", "emails", "-c", "typo.yaml"]).result;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✗ configuration: .*did you mean "capacity"\?.* → correct it[^\n]*\n$/);
  });
});

describe("queueport make:job", () => {
  it("writes three files, and overwrites them only with --force", async () => {
    const cwd = await mkdtemp(join(tmpdir(), "queueport-"));
    const args = ["make:job", "SendInvoice", "--dir", "src/jobs"];
    const { code, stdout } = await queueport(args, { cwd }).result;
    const files = ["job", "handler", "test"].map((part) => `src/jobs/send-invoice.${part}.ts`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: files.map((file) => `wrote ${file}\n`).join("") });
    expect(await readFile(join(cwd, files[0] ?? ""), "utf8")).toMatch(/type: "send_invoice"/);
    const again = await queueport(args, { cwd }).result;
    expect(again.code).toBe(2);
    expect(again.stderr).toMatch(/send-invoice\.job\.ts exists: choose another name, or pass --force/);
    expect((await queueport([...args, "--force"], { cwd }).result).code).toBe(0);
    await rm(cwd, { recursive: true });
  });
});
