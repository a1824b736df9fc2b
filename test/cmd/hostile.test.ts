import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { directory } from "../../examples/directory-adapter/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { fixture, queueport } from "./run.ts";

const config = fileURLToPath(new URL("../../examples/directory.config.ts", import.meta.url));
/** Clears the screen, sets the title of the window, hides text, begins a C1 sequence, and turns the direction of text. */
const EVIL = "\u001b[2J\u001b]0;owned\u0007\u001b[8mhidden\u009b31m\u007f\u202ecod.exe\u2066\r";
// oxlint-disable-next-line no-control-regex -- these characters are what must not be there
const ACTS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

describe("messages that would act on a terminal", () => {
  let path: string;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), "queueport-hostile-"));
  });
  afterAll(() => rm(path, { recursive: true }));

  function run(...args: readonly string[]): ReturnType<typeof queueport> {
    return queueport(args, { env: { QUEUE_DIRECTORY: path, QUEUEPORT_CONFIG: config } });
  }

  async function withLetter(): Promise<string> {
    const name = `jobs-${randomUUID()}`;
    await using queue = createQueue(directory({ path }));
    await queue.ensure(name);
    await queue.send(name, {
      type: "hostile",
      payload: { text: EVIL },
      headers: { [EVIL]: EVIL },
      maxAttempts: 1,
    });
    await queue.send(name, { type: `un\u202eknown\u0085`, payload: EVIL });
    return name;
  }

  it.each(["--pretty", "--no-pretty"])("the worker's log with %s shows them as escapes", async (format) => {
    const name = await withLetter();
    const worker = run("worker", "-q", name, "-H", fixture("hostile.ts"), "--log-level", "debug", format);
    await worker.printed(/job dead-lettered/);
    await worker.printed(/unknown_type|un\\u202eknown/);
    worker.kill("SIGTERM");
    const { stdout, stderr, log } = await worker.result;
    expect(stdout + stderr).not.toMatch(ACTS);
    expect(stdout).toContain("\\u001b[2J");
    const logged = log.find(({ msg }) => msg === EVIL);
    expect(logged?.["text"]).toBe(format === "--no-pretty" ? EVIL : undefined);
  });

  it("dlq shows them as escapes, and its JSON has their content", async () => {
    const name = await withLetter();
    const worker = run("worker", "-q", name, "-H", fixture("hostile.ts"));
    await worker.logged("job dead-lettered");
    worker.kill("SIGTERM");
    await worker.result;
    const listed = await run("dlq", "list", name, "--json").result;
    const [letter] = JSON.parse(listed.stdout) as { readonly id: string; readonly error: string }[];
    expect(letter?.error).toContain("\u001b[2J");
    for (const args of [
      ["list", name],
      ["list", name, "--json"],
      ["groups", name],
      ["groups", name, "--json"],
      ["show", name, letter?.id ?? ""],
      ["show", name, letter?.id ?? "", "--json"],
      ["redrive", name, "--type", "hostile", "--dry-run", "--transform", fixture("retype.ts")],
    ]) {
      const { code, stdout, stderr } = await run("dlq", ...args).result;
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      expect(stdout).not.toMatch(ACTS);
      expect(stdout).toContain("\\u001b[");
    }
    const failed = await run(
      "dlq",
      "redrive",
      name,
      "--type",
      "hostile",
      "--transform",
      `${fixture("retype.ts")}#fail`,
    ).result;
    expect(failed.stderr).toMatch(/stays: Error: .*\\u001b\[2J/);
    expect(failed.stderr).not.toMatch(ACTS);
  });
});
