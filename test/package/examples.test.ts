import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, describe, expect, test } from "vitest";
import { application, compileStrictly, root, runNode } from "./support.ts";

const examples = join(root, "examples");
const files = globSync("*/*.ts", { cwd: examples })
  .filter((file) => !["demo", "demo-jobs", "directory-adapter"].includes(dirname(file)))
  .toSorted();
const names = [...new Set(files.map((file) => dirname(file)))];

/** An application that contains copies of the examples, and of the adapter that own-adapter uses. */
const app = application("zod", "@types/node");
for (const name of [...names, "directory-adapter"])
  cpSync(join(examples, name), join(app.path, name), { recursive: true });
// docs/writing-an-adapter.md: in another package, an adapter imports `queueport/driver`.
for (const file of globSync("directory-adapter/*.ts", { cwd: app.path })) {
  const path = join(app.path, file);
  const code = readFileSync(path, "utf8");
  writeFileSync(path, code.replaceAll(/"\.\.\/\.\.\/src\/driver\/index\.ts"/g, `"queueport/driver"`));
}
writeFileSync(join(app.path, "package.json"), `{ "type": "module" }`);
afterAll(() => app[Symbol.dispose]());

test.each([
  ["hello", ["Hello, Ada!"]],
  [
    "typed",
    [
      'refused: The payload of "send_invoice" does not fit its schema: email: Invalid email address.',
      "ada@example.com owes 12.50 EUR",
    ],
  ],
  ["fifo", ["1", "2", "3"].map((number) => `order-${number}: created, paid, shipped`)],
  [
    "redrive",
    [
      "3 x welcome, permanent_error: PermanentError: <n> no such mailbox",
      "matched 3, redriven 2, skipped 1",
      "sent to ada@example.com",
      "sent to grace@example.com",
    ],
  ],
  ["idempotent-handler", ["attempt 1: deposited", "attempt 2: already deposited", "balance: 5000 cents"]],
  ["own-adapter", ["Hello, Ada!", expect.stringMatching(/^\d+ passed, 0 failed$/)]],
  [
    "progress",
    [...[1, 2, 3, 4, 5].map((page) => `report: ${20 * page} %, page ${page} of 5`), "report: done"],
  ],
  ["jobs-status", ["404: no such job", "processing: 40 %, Collecting rows...", 'completed: {"pages":12}']],
  [
    "jobs-resume",
    [
      "first worker: list the items",
      ...[1, 2].map((item) => `first worker: item ${item}`),
      ...[3, 4, 5].map((item) => `second worker: item ${item}`),
      "{ attempt: 1, items: 5 }",
    ],
  ],
  [
    "jobs-cancel",
    [
      "running: requested",
      "running: cancelled, since the customer has left",
      "waiting: cancelled",
      "of the tag trial: 3 more",
    ],
  ],
])("the example %s prints its lines and ends", { concurrent: true }, async (name, expected) => {
  const { code, stdout } = await runNode([join(name, "main.ts")], { cwd: app.path });
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.filter((line) => !/^(?:passed|skipped) /.test(line))).toEqual(expected);
});

test("the tests of the example fake-clock pass", { concurrent: true }, async () => {
  const args = ["--test", "--test-reporter=tap", "fake-clock/sign-up.test.ts"];
  const { code, stdout } = await runNode(args, { cwd: app.path });
  expect(stdout).toMatch(/^# pass 2$/m);
  expect(stdout).toMatch(/^# fail 0$/m);
  expect(code).toBe(0);
});

test(
  "an example runs in the repository, where it imports the built package",
  { concurrent: true },
  async () => {
    const { code, stdout } = await runNode([join(examples, "hello/main.ts")]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Hello, Ada!\n" });
  },
);

describe.concurrent("an example that runs until it is stopped", () => {
  /** Starts an example, and sends it `signal` when `until` first returns true for a line that it printed. */
  async function runUntil(
    name: string,
    signal: NodeJS.Signals,
    until: (line: string) => boolean | Promise<boolean>,
  ): Promise<{ code: number | null; lines: string[] }> {
    const child = spawn(process.execPath, [join(name, "main.ts")], {
      cwd: app.path,
      env: { ...process.env, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit") as Promise<[number | null]>;
    const lines: string[] = [];
    let isSignalled = false;
    try {
      for await (const line of createInterface(child.stdout)) {
        lines.push(line);
        if (isSignalled || !(await until(line))) continue;
        isSignalled = true;
        child.kill(signal);
      }
      const [code] = await exited;
      return { code, lines };
    } finally {
      child.kill("SIGKILL");
    }
  }

  test("http-service sends one job for each key, answers wrong requests with 400, and ends on SIGTERM", async () => {
    const answers: unknown[] = [];
    const { code, lines } = await runUntil("http-service", "SIGTERM", async (line) => {
      const url = line.replace("listening on ", "");
      if (url === line) return line.endsWith("(key-2)");
      const post = async (body: string, key?: string): Promise<void> => {
        const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
        const response = await fetch(`${url}/sign-up`, { method: "POST", headers, body });
        answers.push([response.status, await response.json()]);
      };
      await post("ada@example.com", "key-1");
      await post("ada@example.com", "key-1");
      await post("no address", "key-3");
      await post("ada@example.com");
      await post("grace@example.com", "key-2");
      return false;
    });
    expect(answers).toEqual([
      [202, { id: "key-1" }],
      [202, { id: "key-1" }],
      [400, { error: expect.stringContaining("Invalid email address") }],
      [400, { error: "Send an Idempotency-Key header." }],
      [202, { id: "key-2" }],
    ]);
    expect({ code, lines: lines.slice(1) }).toEqual({
      code: 0,
      lines: ["welcomed ada@example.com (key-1)", "welcomed grace@example.com (key-2)", "closed"],
    });
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "graceful-shutdown finishes its running jobs on %s and leaves the others in the queue",
    async (signal) => {
      const { code, lines } = await runUntil("graceful-shutdown", signal, (line) =>
        line.startsWith("image-2: started"),
      );
      expect(code).toBe(0);
      const images = (end: string): string[] =>
        lines.filter((line) => line.endsWith(end)).map((line) => line.slice(0, -end.length));
      const started = images(": started");
      expect(images(": done").toSorted()).toEqual(started.toSorted());
      expect(lines.slice(lines.indexOf("draining")).some((line) => line.endsWith(": started"))).toBe(false);
      expect(lines.at(-1)).toBe(`${100 - started.length} jobs are left in the queue`);
    },
  );
});

test("the examples compile in an application that uses the strictest options", async () => {
  const { code, stdout } = await compileStrictly(app.path);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
});

describe("each example", () => {
  test.each(files)("%s begins with three lines that say its purpose, its command and its end", (file) => {
    const [shows, run, ends] = readFileSync(join(examples, file), "utf8").split("\n");
    expect(shows).toMatch(/^\/\/ Shows: .+\.$/);
    expect(run).toMatch(/^\/\/ Run: {3}npx node /);
    expect(ends).toMatch(/^\/\/ Ends: {2}.+\.$/);
    for (const [path] of run?.matchAll(/examples\/\S+\.ts/g) ?? [])
      expect(existsSync(join(root, path))).toBe(true);
  });

  test.each(names)("%s imports packages by their names, and no source of this repository", (name) => {
    const allowed = name === "own-adapter" ? ["../directory-adapter/index.ts"] : [];
    const own = globSync("*.ts", { cwd: join(examples, name) }).map((file) => `./${basename(file)}`);
    const imported = files
      .filter((file) => dirname(file) === name)
      .flatMap((file) => [...readFileSync(join(examples, file), "utf8").matchAll(/from "(\.[^"]+)"/g)])
      .map(([, path]) => path);
    expect(imported.filter((path) => ![...allowed, ...own].includes(path ?? ""))).toEqual([]);
  });

  test("has its row in examples/README.md", () => {
    const readme = readFileSync(join(examples, "README.md"), "utf8");
    const rows = [...readme.matchAll(/^\| \[([^\]]+)\]\(([^)]+)\)/gm)];
    expect(new Set(rows.map(([, name]) => name))).toEqual(new Set(names));
    for (const [, name = "", file = ""] of rows)
      expect([name, files]).toEqual([dirname(file), expect.arrayContaining([file])]);
  });
});
