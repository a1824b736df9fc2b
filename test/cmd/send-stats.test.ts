import { describe, expect, it } from "vitest";
import { queueport } from "./run.ts";

const memory = ["--provider", "memory"];

describe("queueport send", () => {
  it("sends a job and prints its id", async () => {
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

  it("reads the payload from stdin", async () => {
    const args = ["send", "emails", "--file", "-", "-t", "welcome", ...memory];
    const { code, stdout } = await queueport(args, { input: '{"user":"u1"}\n' }).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^sent [0-9a-f-]{36} to emails\n$/);
  });

  it("sends one payload per line, and prints the counts", async () => {
    const input = Array.from({ length: 5_000 }, (_, index) => JSON.stringify({ index })).join("\n");
    const args = ["send", "emails", "--ndjson", "-t", "welcome", "--json", ...memory];
    const { code, stdout } = await queueport(args, { input }).result;
    expect({ code, counts: JSON.parse(stdout) as unknown }).toEqual({
      code: 0,
      counts: { queue: "emails", sent: 5_000, failed: 0, unknown: 0 },
    });
  });

  it("sends whole messages, and reports the numbers of invalid lines", async () => {
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
  it("prints a table", async () => {
    const { code, stdout } = await queueport(["stats", "emails", "reports", ...memory]).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/queue .* backlog .* ready .* in flight .* delayed .* failed/);
    expect(stdout).toMatch(/emails .* 0 .* 0 .* 0 .* 0 .* 0/);
    // oxlint-disable-next-line no-control-regex -- the escape of a colour is what must not be there
    expect(stdout).not.toMatch(/\u001b/);
  });

  it("prints JSON", async () => {
    const { stdout } = await queueport(["stats", "emails", "--json", ...memory]).result;
    expect(JSON.parse(stdout)).toMatchObject([
      { queue: "emails", messages: 0, backlog: 0, approximate: false },
    ]);
  });

  it("repeats with --watch until SIGINT", async () => {
    const watching = queueport(["stats", "emails", "--json", "--watch", "--interval", "10ms", ...memory]);
    await watching.printed(/\n.*emails.*\n/);
    watching.kill("SIGINT");
    expect((await watching.result).code).toBe(0);
  });

  it("fails if a queue does not exist", async () => {
    const { code, stdout } = await queueport(["stats", "emails", "-c", "strict.json"]).result;
    expect(code).toBe(1);
    expect(stdout).toMatch(/emails.*does not exist|not_found|Create the queue/s);
  });
});

describe("--help", () => {
  const others = ["provision", "doctor", "pump", "jobs", "make:job"].map((command) => [[command]]);
  const dlq = ["list", "groups", "show", "redrive", "discard"].map((command) => [["dlq", command]]);

  it.each([[[]], [["worker"]], [["send"]], [["stats"]], [["dlq"]], ...dlq, ...others])(
    "has examples and exit codes: %j",
    async (command) => {
      const { code, stdout } = await queueport([...command, "--help"]).result;
      expect(code).toBe(0);
      expect(stdout).toMatch(/Examples:\n {2}\$ queueport /);
      expect(stdout).toMatch(/Exit codes:\n {2}0 /);
    },
  );

  it("names environment variables and exit codes", async () => {
    const { stdout } = await queueport(["worker", "--help"]).result;
    expect(stdout).toMatch(/QUEUEPORT_METRICS_PORT/);
    expect(stdout).toMatch(/Exit codes:\n {2}0 /);
  });

  it("--version prints the version", async () => {
    expect((await queueport(["--version"]).result).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
