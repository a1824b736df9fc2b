import { describe, expect, it } from "vitest";
import { queueport } from "./run.ts";

const memory = ["--provider", "memory"];

describe("queueport stats", () => {
  it("prints the counts as a table", async () => {
    const { code, stdout } = await queueport(["stats", "emails", "reports", ...memory]).result;
    expect(code).toBe(0);
    expect(stdout).toMatch(/queue .* backlog .* ready .* in flight .* delayed .* failed/);
    expect(stdout).toMatch(/emails .* 0 .* 0 .* 0 .* 0 .* 0/);
    // oxlint-disable-next-line no-control-regex -- the escape of a colour is what must not be there
    expect(stdout).not.toMatch(/\u001b/);
  });

  it("prints the counts as JSON", async () => {
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
