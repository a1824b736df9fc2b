import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { pubsubEmulator, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";
import { ServiceBusProcess } from "../support/service-bus.ts";
import { clientOptions, startSqsServer } from "../support/sqs-server.ts";
import { fixture, main, queueport } from "./run.ts";

vi.setConfig({ testTimeout: 600_000 });

/** A server, and the configuration that connects to it. */
interface Backend {
  readonly config: object;
  close(): Promise<unknown>;
}

const backends: Readonly<Record<string, () => Promise<Backend>>> = {
  async sqs() {
    const server = await startSqsServer();
    const config = { provider: "sqs", ...clientOptions(server), waitSeconds: 1 };
    return { config, close: () => server.close() };
  },
  async pubsub() {
    const emulator = await pubsubEmulator();
    const config = { provider: "pubsub", projectId: "shell", emulatorHost: emulator.host, waitSeconds: 1 };
    return { config, close: () => emulator.stop() };
  },
  async "service-bus"() {
    const server = await ServiceBusProcess.start();
    const { connectionString } = server;
    return { config: { provider: "service-bus", connectionString }, close: () => server.kill() };
  },
};

const missing = await pubsubEmulatorMissing();
const run = promisify(execFile);

describe.each(["sqs", "pubsub", "service-bus"])("queueport with %s, in a shell", (provider) => {
  const isMissing = provider === "pubsub" && missing !== undefined;
  const queue = `emails-${randomUUID().slice(0, 8)}`;
  let backend: Backend;
  let directory: string;

  beforeAll(async () => {
    if (isMissing) return;
    backend = await backends[provider]!();
    directory = await mkdtemp(join(tmpdir(), "queueport-"));
    const worker = { queues: [queue], handlers: fixture("fixable.ts") };
    await writeFile(join(directory, "queueport.config.json"), JSON.stringify({ ...backend.config, worker }));
    const command = join(directory, "queueport");
    await writeFile(command, `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`);
    await chmod(command, 0o755);
  });
  afterAll(async () => {
    if (isMissing) return;
    await backend.close();
    await rm(directory, { recursive: true });
  });

  /** Runs a line in a shell. Rejects if it fails. */
  async function sh(line: string): Promise<string> {
    const env = { ...process.env, PATH: `${directory}${delimiter}${process.env["PATH"]}` };
    const { stdout } = await run("/bin/sh", ["-c", line], { cwd: directory, env });
    return stdout;
  }

  /** Starts a worker, waits for `until`, and stops the worker. */
  async function runWorker(until: (worker: ReturnType<typeof queueport>) => Promise<unknown>): Promise<void> {
    const worker = queueport(["worker", "--log-level", "debug"], { cwd: directory });
    await until(worker);
    worker.kill("SIGTERM");
    expect((await worker.result).code).toBe(0);
  }

  it.skipIf(isMissing)("a job that fails is found, fixed, redriven and handled", async () => {
    expect(await sh("queueport provision --dry-run")).toMatch(new RegExp(`\\+ \\w+ ${queue}\n`));
    expect(await sh("queueport provision")).toMatch(/: done\n/);
    expect(await sh("queueport provision")).toBe(`${queue}: nothing to change\n`);
    expect(await sh("queueport provision --dry-run --max-attempts 8")).toMatch(/ ~ .* → /);
    expect(await sh("queueport doctor")).not.toMatch(/[✗!]/);
    await expect(sh("queueport doctor nowhere-at-all")).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining("✗ queue nowhere-at-all: does not exist → queueport provision"),
    });
    expect(await sh("queueport jobs")).toMatch(/welcome/);

    const watching = queueport(["stats", "--watch", "--interval", "200ms", "--json"], { cwd: directory });
    expect(
      await sh(`echo '{"user":"u0"}' | queueport send ${queue} -f - -t welcome --max-attempts 1`),
    ).toMatch(/^sent /);
    const lines = `printf '{"user":"u1"}\\n{"user":"u2","name":"Ada"}\\n'`;
    expect(await sh(`${lines} | queueport send ${queue} --ndjson -t welcome --max-attempts 1`)).toMatch(
      /^2 sent/,
    );
    // Only SQS reports ready messages separately from those in flight.
    await watching.printed(provider === "sqs" ? /"messages":3,/ : /"messages":null,/);
    watching.kill("SIGINT");
    expect((await watching.result).code).toBe(0);

    await runWorker(async (worker) => {
      await worker.logged("job completed");
      await worker.logged("job dead-lettered", 2);
    });

    const listed = JSON.parse(await sh(`queueport dlq list ${queue} --json`)) as { readonly id: string }[];
    expect(listed).toHaveLength(2);
    expect(listed[0]).toMatchObject({ type: "welcome", reason: "max_attempts", attempts: 1, source: queue });
    const [group] = JSON.parse(await sh(`queueport dlq groups ${queue} --json`)) as {
      readonly fingerprint: string;
    }[];
    expect(group).toMatchObject({
      count: 2,
      error: "Error: user u<n> has no name",
      frame: expect.stringMatching(/fixable\.ts:\d+/),
    });
    expect(await sh(`queueport dlq groups ${queue}`)).toMatch(/ 2 × welcome\n.*has no name/);
    expect(await sh(`queueport dlq show ${queue} ${listed[0]?.id}`)).toMatch(/"user": "u[01]"/);

    const redrive = `queueport dlq redrive ${queue} --group ${group?.fingerprint} --transform ${fixture("fixable.ts")}#addName`;
    expect(await sh(`${redrive} --dry-run`)).toMatch(/\n\+ {4}"name": "U[01]"\n/);
    expect(await sh(redrive)).toBe(`2 redriven to ${queue}\n`);
    expect(await sh(`queueport dlq list ${queue}`)).toBe(`No dead letter of ${queue} matches.\n`);
    await runWorker((worker) => worker.logged("job completed", 2));
    expect(await sh(`queueport dlq redrive ${queue} --yes`)).toBe(
      `Nothing to redrive: no dead letter of ${queue} matches.\n`,
    );
  });
});
