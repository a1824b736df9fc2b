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
