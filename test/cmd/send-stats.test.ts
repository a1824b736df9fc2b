import { describe, expect, it } from "vitest";
import { queueport } from "./run.ts";

const memory = ["--provider", "memory"];

describe("queueport send", () => {
  it("sends a job", async () => {
    const args = [
      "send",
      "emails",
      '{"user":"u1"}',
      "-t",
      "welcome",
      "--id",
      "job-1",
      "--delay",
      "3d",
      "--json",
    ];
    const { code, stdout } = await queueport([...args, ...memory]).result;
    expect({ code, result: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      result: { queue: "emails", id: "job-1" },
    });
  });

  it("takes the payload from stdin", async () => {
    const args = ["send", "emails", "--file", "-", "-t", "welcome", ...memory];
    const { code, stdout } = await queueport(args, { input: '{"user":"u1"}\n' }).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sent [0-9a-f-]{36} to emails\n$/);
  });

  it("streams one payload a line, and counts them", async () => {
    const input = Array.from({ length: 5_000 }, (_, index) => JSON.stringify({ index })).join("\n");
    const args = ["send", "emails", "--ndjson", "-t", "welcome", "--json", ...memory];
    const { code, stdout } = await queueport(args, { input }).result;
    expect({ code, counts: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      counts: { queue: "emails", sent: 5_000, failed: 0, unknown: 0 },
    });
  });

  it("sends whole messages, and tells which lines are wrong", async () => {
    const input = [
      '{"type":"welcome","payload":{},"headers":{"tenant":"a"},"maxAttempts":2}',
      "",
      '{"type":"welcome","paylod":{}}',
      "{",
    ].join("\n");
    const { code, stdout, stderr } = await queueport(["send", "emails", "--ndjson", ...memory], { input })
      .result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "1 sent to emails, 2 not sent, 0 unknown\n" });
    expect(stderr).toMatch(/line 3: .*unknown key "paylod", did you mean "payload"\?/);
    expect(stderr).toMatch(/line 4: not JSON/);
  });
});

describe("queueport stats", () => {
  it("shows a table", async () => {
    const { code, stdout } = await queueport(["stats", "emails", "reports", ...memory]).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/queue .* ready .* in flight .* delayed .* failed/);
    expect(stdout).toMatch(/emails .* 0 .* 0 .* 0 .* 0/);
    // oxlint-disable-next-line no-control-regex -- the escape of a colour is what must not be there
    expect(stdout).not.toMatch(/\u001b/);
  });

  it("shows JSON", async () => {
    const { stdout } = await queueport(["stats", "emails", "--json", ...memory]).result;
    expect(JSON.parse(stdout)).toMatchObject([{ queue: "emails", messages: 0, approximate: false }]);
  });

  it("watches until it is interrupted", async () => {
    const watching = queueport(["stats", "emails", "--json", "--watch", "--interval", "10ms", ...memory]);
    await watching.printed(/\n.*emails.*\n/);
    watching.kill("SIGINT");
    expect((await watching.result).code).toBe(0);
  });

  it("fails where a queue does", async () => {
    const { code, stdout } = await queueport(["stats", "emails", "-c", "strict.json"]).result;
    expect(code).toBe(1);
    expect(stdout).toMatch(/emails.*does not exist|not_found|Create the queue/s);
  });
});

describe("--help", () => {
  const others = ["provision", "doctor", "pump", "jobs", "make:job"].map((command) => [[command]]);
  const dlq = ["list", "groups", "show", "redrive", "discard"].map((command) => [["dlq", command]]);

  it.each([[[]], [["worker"]], [["send"]], [["stats"]], [["dlq"]], ...dlq, ...others])(
    "shows an example: %j",
    async (command) => {
      const { code, stdout } = await queueport([...command, "--help"]).result;
      expect(code).toBe(0);
      expect(stdout).toMatch(/Example:\n {2}\$ queueport /);
    },
  );

  it("documents the environment and the exit codes of the worker", async () => {
    const { stdout } = await queueport(["worker", "--help"]).result;
    expect(stdout).toMatch(/QUEUEPORT_METRICS_PORT/);
    expect(stdout).toMatch(/Exit codes:\n {2}0 /);
  });

  it("tells its version", async () => {
    expect((await queueport(["--version"]).result).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
