import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sqs } from "../../adapters/sqs/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import { PermanentError } from "../../src/errors.ts";
import type { Queue } from "../../src/queue/queue.ts";
import { clientOptions, type SqsServer, startFauxqsHere } from "../support/sqs-server.ts";
import { fixture, queueport } from "./run.ts";

let server: SqsServer;
let directory: string;
let queue: Queue;

beforeAll(async () => {
  server = await startFauxqsHere();
  directory = await mkdtemp(join(tmpdir(), "queueport-"));
  const config = { provider: "sqs", ...clientOptions(server), waitSeconds: 1 };
  await writeFile(join(directory, "queueport.config.json"), JSON.stringify(config));
  queue = createQueue(sqs({ ...clientOptions(server), waitSeconds: 1 }));
});
afterAll(async () => {
  await queue.close();
  await server.close();
  await rm(directory, { recursive: true });
});

function run(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ReturnType<typeof queueport> {
  return queueport(args, { cwd: directory, env });
}

/** Creates a queue with `count` dead letters, of the users u0, u1 and so on. Returns its name. */
async function withDeadLetters(count: number): Promise<string> {
  const name = `jobs-${randomUUID()}`;
  await queue.ensure(name);
  const messages = Array.from({ length: count }, (_, index) => ({
    id: `job-${index}`,
    type: "welcome",
    payload: { user: `u${index}` },
  }));
  await queue.sendBatch(name, messages);
  const stop = new AbortController();
  let failed = 0;
  await queue.receive(
    name,
    async ({ payload }) => {
      failed += 1;
      if (failed === count) stop.abort();
      throw new PermanentError(`no such user: ${(payload as { user: string }).user}`);
    },
    { signal: stop.signal, concurrency: 50 },
  );
  return name;
}

async function counts(name: string): Promise<readonly (number | undefined)[]> {
  const { messages, failed } = await queue.stats(name);
  return [messages, failed];
}

describe("queueport dlq", () => {
  it("list, groups and show print dead letters as text and as JSON", async () => {
    const name = await withDeadLetters(3);
    const listed = await run(["dlq", "list", name]).result;
    expect(listed.code).toBe(0);
    expect(listed.stdout).toMatch(
      /^job-2  welcome  \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\n {2}permanent_error after 1 attempt: PermanentError: no such user: u2$/m,
    );
    expect(listed.stdout).not.toContain("--limit");
    const limited = await run(["dlq", "list", name, "-n", "2"]).result;
    expect(limited.stdout.split("\n")).toHaveLength(6);
    expect(limited.stdout).toMatch(/\nThese are the first 2; --limit shows more\.\n$/);
    const json = JSON.parse(
      (await run(["dlq", "list", name, "--json", "-n", "2"]).result).stdout,
    ) as object[];
    expect(json).toHaveLength(2);
    expect(json[0]).toMatchObject({ type: "welcome", reason: "permanent_error", attempts: 1, source: name });

    const groups = await run(["dlq", "groups", name]).result;
    expect(groups.stdout).toMatch(
      /^[0-9a-f]{12}  3 × welcome\n {2}permanent_error: PermanentError: no such user: u<n>\n {2}at .*\(cmd\/dlq\.test\.ts:\d+\)\n/,
    );
    const [group] = JSON.parse((await run(["dlq", "groups", name, "--json"]).result).stdout) as {
      readonly fingerprint: string;
    }[];
    expect(group).toMatchObject({ count: 3, example: { message: { payload: {} } } });

    const shown = await run(["dlq", "show", name, "job-1"]).result;
    expect(shown.stdout).toMatch(/^id +job-1\n/);
    expect(shown.stdout).toMatch(/payload\n\{\n {2}"user": "u1"\n\}\n$/);
    const filtered = await run(["dlq", "list", name, "--group", group?.fingerprint ?? "", "--json"]).result;
    expect(JSON.parse(filtered.stdout)).toHaveLength(3);
    // oxlint-disable-next-line no-control-regex -- the escape of a colour is what must not be there
    expect(listed.stdout + groups.stdout + shown.stdout).not.toMatch(/\u001b/);
    expect(listed.stderr + groups.stderr + shown.stderr).toBe("");
  });

  it("redrive --dry-run shows the changes and errors of a transform; redrive then makes the changes", async () => {
    const name = await withDeadLetters(4);
    const args = ["dlq", "redrive", name, "--yes", "--transform", fixture("fix.ts")];
    const dry = await run([...args, "--dry-run"]).result;
    expect(dry.stdout).toMatch(/--- job-2\tdead letter\n\+\+\+ job-2\tas it would be sent\n/);
    expect(dry.stdout).toMatch(/\n- {4}"user": "u2"\n\+ {4}"user": "u2",\n\+ {4}"name": "U2"\n/);
    expect(dry.stdout).toMatch(
      /\n2 would be redriven to jobs-.*, 1 left by the transform, 1 failed and left where they are, dry run: nothing was moved\n$/,
    );
    expect(dry.stderr).toBe("queueport: job-1 stays: TypeError: u1 has no name\n");
    expect({ code: dry.code, counts: await counts(name) }).toEqual({ code: 1, counts: [0, 4] });

    const done = await run([...args, "--json"]).result;
    expect(JSON.parse(done.stdout)).toEqual({
      queue: name,
      to: name,
      dryRun: false,
      matched: 4,
      redriven: 2,
      skipped: 1,
      failed: 1,
    });
    expect({ code: done.code, counts: await counts(name) }).toEqual({ code: 1, counts: [2, 2] });
  });

  it("redrive --transform corrects a dead letter that cannot be read, and list and show say why", async () => {
    const name = `jobs-${randomUUID()}`;
    await queue.ensure(name);
    const driver = sqs(clientOptions(server));
    const planted = { body: '{"order":7', attributes: { theirs: "x" }, delayMs: 0 };
    await driver.send(`${name}-dlq`, [planted], new AbortController().signal);
    await driver.close();
    const listed = await run(["dlq", "list", name]).result;
    const [{ id }] = JSON.parse((await run(["dlq", "list", name, "--json"]).result).stdout) as [
      { id: string },
    ];
    const shown = await run(["dlq", "show", name, id]).result;
    const args = ["dlq", "redrive", name, "--transform", fixture("fix.ts")];
    const dry = await run([...args, "--dry-run"]).result;
    const done = await run([...args, "--yes"]).result;

    expect(listed.stdout).toMatch(/unreadable/);
    expect(listed.stdout).toMatch(/the body is not JSON/);
    expect(shown.stdout).toMatch(/problem +the body is not JSON/);
    expect(dry.stdout).toMatch(/\n-\{"order":7\n/);
    expect(dry.stdout).toContain('"text": "{\\"order\\":7"');
    expect(done).toMatchObject({ code: 0, stdout: `1 redriven to ${name}\n` });
    expect(await counts(name)).toEqual([1, 0]);
  });

  it("redrive without a filter needs --yes if there is no terminal, and a dry run does not", async () => {
    const name = await withDeadLetters(2);
    const refused = await run(["dlq", "redrive", name]).result;
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/no terminal to ask on: pass --yes to redrive all dead letters/);
    expect(await counts(name)).toEqual([0, 2]);
    expect((await run(["dlq", "redrive", name, "--dry-run"]).result).stdout).toMatch(/^2 would be redriven/);
    expect((await run(["dlq", "redrive", name, "--yes"]).result).stdout).toBe(`2 redriven to ${name}\n`);
  });

  it("redrive --to sends to another queue", async () => {
    const [name, other] = [await withDeadLetters(2), `other-${randomUUID()}`];
    await queue.ensure(other);
    const { code, stdout } = await run(["dlq", "redrive", name, "--to", other, "--id", "job-1"]).result;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `1 redriven to ${other}\n` });
    expect([await counts(name), await counts(other)]).toEqual([
      [0, 1],
      [1, 0],
    ]);
  });

  it("every command reports that no dead letter matches", async () => {
    const name = await withDeadLetters(1);
    for (const [command, sentence] of [
      [["redrive", name, "--type", "other"], `Nothing to redrive: no dead letter of ${name} matches.\n`],
      [
        ["discard", name, "--type", "other", "--yes"],
        `Nothing to discard: no dead letter of ${name} matches.\n`,
      ],
      [["list", name, "--since", "2030-01-01T00:00Z"], `No dead letter of ${name} matches.\n`],
      [["groups", name, "--reason", "broker"], `No dead letter of ${name} matches.\n`],
    ] as const) {
      const { code, stdout } = await run(["dlq", ...command]).result;
      expect({ code, stdout }).toEqual({ code: 0, stdout: sentence });
    }
    expect(await counts(name)).toEqual([0, 1]);
  });

  it("discard removes the selected dead letters, and needs --yes if there is no terminal", async () => {
    const name = await withDeadLetters(3);
    const refused = await run(["dlq", "discard", name, "--id", "job-1"]).result;
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toMatch(/no terminal to ask on: pass --yes/);
    expect(await counts(name)).toEqual([0, 3]);
    const { code, stdout } = await run(["dlq", "discard", name, "--id", "job-1", "--yes"]).result;
    expect({ code, stdout }).toEqual({ code: 0, stdout: `1 of ${name} discarded\n` });
    const all = await run(["dlq", "discard", name, "--all", "--yes", "--json"]).result;
    expect(JSON.parse(all.stdout)).toEqual({ queue: name, discarded: 2 });
    expect(await counts(name)).toEqual([0, 0]);
  });

  it.each(["list", "groups", "redrive", "show"])(
    "%s of an unknown queue fails with one line",
    async (command) => {
      const more = { show: ["job-1"], redrive: ["--yes"] }[command] ?? [];
      const args = ["dlq", command, "nowhere", ...more];
      const { code, stdout, stderr } = await run(args).result;
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(
        /^queueport: [^\n]*queue "nowhere"[^\n]*Create the queue,[^\n]* or correct its name\.\n$/,
      );
    },
  );

  it("a redrive that Ctrl-C interrupts prints what was done, and no message is lost", async () => {
    const name = await withDeadLetters(60);
    const running = run(["dlq", "redrive", name, "--rate", "4", "--yes"]);
    await expect.poll(async () => (await counts(name))[0], { timeout: 90_000 }).toBeGreaterThan(3);
    running.kill("SIGINT");
    const { code, stdout, stderr } = await running.result;
    const [, redriven = ""] = /^(\d+) redriven to /.exec(stdout) ?? [];
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "queueport: Interrupted: the other dead letters were not changed.\n",
    });
    expect(Number(redriven)).toBeGreaterThan(3);
    expect(await counts(name)).toEqual([Number(redriven), 60 - Number(redriven)]);
  });
});
