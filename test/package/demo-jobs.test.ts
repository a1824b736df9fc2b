import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";
import { root, runNode } from "./support.ts";

const demo = join(root, "examples/demo-jobs/main.ts");
const SUMS = { sent: 12, completed: 9, failed: 1, cancelled: 2 };

test("demo:jobs ends on its own, and the last line of its JSON has the sums", async () => {
  const { code, stdout, stderr } = await runNode([demo, "--port", "0", "--json"]);
  expect({ code, sums: JSON.parse(stdout) as unknown }).toEqual({ code: 0, sums: SUMS });
  // Each kind of job, its progress, a retry, a failure and a cancellation are to be seen.
  expect(stderr).toContain("PermanentError: no mailbox gone@nowhere.example");
  expect(stderr).toContain("retrying");
  expect(stderr).toMatch(/report_generation processing \d+% Rendering pdf\.\.\./);
  expect(stderr).toContain("image_processing  completed 100%");
  expect(stderr).toContain("report_generation cancelled");
});

test("demo:jobs prints plain lines when stdout is no terminal", async () => {
  const { code, stdout, stderr } = await runNode([demo, "--port", "0", "--stage-ms", "50"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).not.toContain("\u001b");
  expect(stdout).toContain("12 sent = 9 completed + 1 failed + 2 cancelled");
});

test("demo:jobs has the same sums on SQS as in memory, by configuration alone", async () => {
  const server = spawn(process.execPath, [join(root, "scripts/sqs-server.ts"), "0"]);
  try {
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    const env = { SQS_ENDPOINT: line.replace("SQS_ENDPOINT=", "") };
    const args = [demo, "--port", "0", "--json", "--config", join(root, "examples/sqs.config.ts")];
    const { code, stdout } = await runNode(args, { env });
    expect({ code, sums: JSON.parse(stdout) as unknown }).toEqual({ code: 0, sums: SUMS });
  } finally {
    server.kill();
  }
});

test("demo:jobs --stay answers the requests of other programs until SIGINT, and exits with 0", async () => {
  const child = spawn(process.execPath, [demo, "--port", "0", "--stage-ms", "20", "--stay"]);
  try {
    let base = "";
    for await (const line of createInterface(child.stdout)) {
      const [, url = base] = /the API is at (\S+)/.exec(line) ?? [];
      base = url;
      if (line.startsWith("all jobs are over")) break;
    }
    const payload = { to: "user@example.com", subject: "Test Email", body: "This is a test" };
    const created = await fetch(base, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "email", payload, priority: 1 }),
    });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { readonly id: string };
    const over = await fetch(`${base}/${id}?wait=completed&timeout=30`);
    expect(await over.json()).toMatchObject({ id, type: "email", status: "completed", progress: 100 });
    const list = await fetch(`${base}?status=completed&type=email&limit=50&offset=0`);
    const { jobs } = (await list.json()) as { readonly jobs: readonly { readonly id: string }[] };
    expect(jobs.map((job) => job.id)).toContain(id);
    const metrics = await (await fetch(new URL("/metrics", base))).text();
    expect(metrics).toMatch(/^jobs_processed_total\{type="email",status="completed"\} [1-9]/m);
    expect(metrics).toMatch(/^workers\{/m);
    child.stdout.resume();
    child.kill("SIGINT");
    expect((await once(child, "exit"))[0]).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
});

test.each([
  [["--stage-ms", "soon"], "Expected a number, 0 or more"],
  [["--config", "nowhere.json"], "there is no such file"],
  [["--prot", "80"], "Did you mean --port?"],
])("demo:jobs refuses %j on stderr, with exit code 2", async (args, message) => {
  const { code, stdout, stderr } = await runNode([demo, ...args]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(message);
});
