import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { application, root, runNode } from "./support.ts";

const demo = join(root, "examples/demo/main.ts");

test("the demo ends on its own, and its counts agree", async () => {
  const { code, stdout, stderr } = await runNode([demo, "--day-seconds", "0.5", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toEqual({
    sent: 40,
    completed: 39,
    retried: 7,
    deadLettered: 1,
  });
  expect(stderr).toContain("account closed; dead-lettered: permanent_error");
});

test("the demo logs plain text and prints its counts when stdout is not a terminal", async () => {
  const { code, stdout, stderr } = await runNode([demo, "--day-seconds", "0.1", "--messages", "10"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("10 sent = 9 completed + 1 dead-lettered");
});

test("the demo uses the queue of the configuration file that --config names", async () => {
  using app = application();
  const file = join(app.path, "queue.json");
  writeFileSync(file, `{ "provider": "memory", "emulate": "service-bus" }`);
  const args = [demo, "--config", file, "--day-seconds", "0.1", "--messages", "10", "--json"];
  const { code, stdout } = await runNode(args);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ sent: 10, completed: 9, deadLettered: 1 });
});

test("the demo has the same counts on SQLite as in memory, by configuration alone", async () => {
  using app = application();
  const QUEUE_FILE = join(app.path, "queues.db");
  const config = join(root, "examples/sqlite.config.ts");
  const args = [demo, "--config", config, "--day-seconds", "0.5", "--json"];
  const { code, stdout } = await runNode(args, { env: { QUEUE_FILE } });
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ sent: 40, completed: 39, retried: 7, deadLettered: 1 });
});

test("the demo has the same counts on SQS as in memory, with the server that `npm run sqs-server` starts", async () => {
  const server = spawn(process.execPath, [join(root, "scripts/sqs-server.ts"), "0"]);
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const SQS_ENDPOINT = line.replace("SQS_ENDPOINT=", "");
    const config = join(root, "examples/sqs.config.ts");
    const args = [demo, "--config", config, "--day-seconds", "0.5", "--json"];
    const { code, stdout } = await runNode(args, { env: { SQS_ENDPOINT }, timeoutMs: 180_000 });
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ sent: 40, completed: 39, retried: 7, deadLettered: 1 });
  } finally {
    server.kill();
  }
});

test.each([
  [["--messages", "none"], "Expected a number, 1 or more"],
  [["--day-seconds", "-1"], "Expected a number, 0 or more"],
  [["--config", "nowhere.json"], "there is no such file"],
])("the demo refuses %j with one line on stderr and exit code 2", async (args, message) => {
  const { code, stdout, stderr } = await runNode([demo, ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(stderr).toContain(message);
});
