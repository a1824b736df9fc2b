import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { pubsubEmulator, pubsubEmulatorMissing } from "../../support/pubsub-emulator.ts";
import { root, runNode } from "../support.ts";

const SUMS = { sent: 12, completed: 9, failed: 1, cancelled: 2 };

async function sumsOn(provider: string, env: Readonly<Record<string, string>>): Promise<unknown> {
  const config = join(root, `examples/${provider}.config.ts`);
  const args = [join(root, "examples/demo-jobs/main.ts"), "--port", "0", "--json", "--config", config];
  const { code, stdout, stderr } = await runNode(args, { env, timeoutMs: 240_000 });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The first line of the output of a process that begins with `start`. */
async function lineOf(child: ChildProcess, start: string): Promise<string> {
  if (child.stdout === null) throw new Error("the process has no stdout");
  for await (const line of createInterface(child.stdout)) if (line.startsWith(start)) return line;
  throw new Error(`the process ended without ${start}`);
}

test("demo:jobs has the same sums on SQLite as in memory, by configuration alone", async () => {
  const directory = mkdtempSync(join(tmpdir(), "queueport-demo-"));
  try {
    expect(await sumsOn("sqlite", { QUEUE_FILE: join(directory, "queues.db") })).toEqual(SUMS);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("demo:jobs has the same sums on Service Bus as in memory, by configuration alone", async () => {
  const args = [join(root, "cmd/main.ts"), "service-bus-server", "--port", "0"];
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  try {
    const connection = await lineOf(server, "Endpoint=");
    expect(await sumsOn("service-bus", { SERVICE_BUS_CONNECTION_STRING: connection })).toEqual(SUMS);
  } finally {
    server.kill();
  }
});

const missing = await pubsubEmulatorMissing();

test.skipIf(missing !== undefined)(
  "demo:jobs has the same sums on Pub/Sub as in memory, by configuration alone",
  async () => {
    const emulator = await pubsubEmulator();
    try {
      expect(await sumsOn("pubsub", { PUBSUB_EMULATOR_HOST: emulator.host })).toEqual(SUMS);
    } finally {
      await emulator.stop();
    }
  },
);
