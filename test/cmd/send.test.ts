import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { directory } from "../../examples/directory-adapter/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { fixture, queueport } from "./run.ts";

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

  it("applies the job definition of a known handlers module: its schema, attempts and backoff", async () => {
    const path = await mkdtemp(join(tmpdir(), "queueport-send-"));
    const env = {
      QUEUE_DIRECTORY: path,
      QUEUEPORT_CONFIG: fileURLToPath(new URL("../../examples/directory.config.ts", import.meta.url)),
      QUEUEPORT_HANDLERS: fixture("defined.ts"),
    };
    await using queue = createQueue(directory({ path }));
    await queue.ensure("emails");
    const send = async (...args: readonly string[]): Promise<readonly [number | null, string]> => {
      const { code, stderr } = await queueport(["send", "emails", ...args], { env }).result;
      return [code, stderr];
    };
    expect(await send('{"user":7}', "-t", "welcome")).toEqual([2, expect.stringMatching(/payload.*user/)]);
    expect(await send('{"user":"u1"}', "-t", "welcome", "--id", "defined")).toEqual([0, ""]);
    expect(await send('{"user":"u1"}', "-t", "welcome", "--id", "own", "--max-attempts", "9")).toEqual([
      0,
      "",
    ]);
    expect(await send('{"user":7}', "-t", "welcome", "--id", "raw", "--no-handlers")).toEqual([0, ""]);
    expect(await send("{}", "-t", "welcom", "--id", "other")).toEqual([
      0,
      expect.stringMatching(/no handler for "welcom", did you mean "welcome"\?\n$/),
    ]);
    const received = new Map<string, unknown>();
    const stop = new AbortController();
    await queue.receive(
      "emails",
      async ({ id, maxAttempts, backoff }) => {
        received.set(id, [maxAttempts, backoff?.baseMs]);
        if (received.size === 4) stop.abort();
      },
      { signal: stop.signal },
    );
    expect(Object.fromEntries(received)).toEqual({
      defined: [2, 7],
      own: [9, 7],
      raw: [5, undefined],
      other: [5, undefined],
    });
    await rm(path, { recursive: true });
  });

  it("applies the schema to each line", async () => {
    const args = ["send", "emails", "--ndjson", "-t", "welcome", "-H", fixture("defined.ts"), ...memory];
    const { code, stdout, stderr } = await queueport(args, { input: '{"user":"u1"}\n{"user":7}\n' }).result;
    expect({ code, stdout }).toEqual({ code: 1, stdout: "1 sent to emails, 1 not sent, 0 unknown\n" });
    expect(stderr).toMatch(/line 2: .*user/);
  });

  it("fails if the handlers module cannot be loaded, and says how to send without it", async () => {
    const args = ["send", "emails", "{}", "-t", "welcome", "-H", fixture("throws.ts"), ...memory];
    const { code, stderr } = await queueport(args).result;
    expect(code).toBe(2);
    expect(stderr).toMatch(/no database.*pass --no-handlers\.\n$/);
  });

  it("says that it waits if the provider cannot be reached, before it gives up", async () => {
    // Longer than two seconds and the longest pause between two tries, after which a send gives up at once.
    const config = ["-c", "unreachable.json", "--deadline", "8s"];
    const env = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
    const { code, stderr } = await queueport(["send", "emails", "{}", "-t", "welcome", ...config], { env })
      .result;
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^queueport: the provider cannot be reached; trying for 8s in all.*--deadline says\.\n/,
    );
    expect(stderr).toMatch(/not sent to queue "emails" within \d+ ms/);
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
