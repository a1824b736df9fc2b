import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Application, manifest, packedApplication, type Ran, root, runNode } from "./support.ts";

/** An application that has installed queueport and nothing else. */
let app: Application;
let main: string;

beforeAll(() => {
  app = packedApplication();
  main = join(app.path, "node_modules/queueport", manifest.bin["queueport"] as string);
  write("package.json", `{ "type": "module" }`);
  write(
    "handlers.js",
    `import { PermanentError } from "queueport";
     export const welcome = { type: "welcome", handler: ({ payload }, { logger }) => logger.info({ payload }, "welcomed") };
     export const broken = { type: "broken", handler() { throw new PermanentError("the account was deleted"); } };
     export async function onStart(queue) {
       await queue.send("emails", { type: "broken", payload: null });
       await queue.send("emails", { type: "welcome", payload: { name: "Ada" } });
     }`,
  );
  write("emulated.yaml", `provider: memory\nemulate: sqs\nqueues: [emails]\n`);
});

afterAll(() => app[Symbol.dispose]());

function write(file: string, content: string): void {
  writeFileSync(join(app.path, file), content);
}

function queueport(...args: readonly string[]): Promise<Ran> {
  return runNode([main, ...args], { cwd: app.path });
}

async function program(source: string): Promise<string> {
  write("program.js", source);
  const { code, stdout, stderr } = await runNode(["program.js"], { cwd: app.path });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("an application with only queueport installed", () => {
  test.each([
    ["--help", "Usage: queueport"],
    ["send emails {} --type welcome --provider memory", "sent "],
    ["stats emails --config emulated.yaml", "│ emails │"],
    ["dlq list emails --provider memory", "No dead letter of emails"],
    ["dlq groups emails --provider memory", "No dead letter of emails"],
    ["dlq redrive emails --yes --provider memory", "Nothing to redrive"],
    ["dlq discard emails --all --yes --provider memory", "emails"],
    ["provision emails --config emulated.yaml", "emails: done"],
    ["doctor emails --config emulated.yaml", "✓ queue emails: exists"],
    ["jobs --handlers handlers.js", "welcome"],
    ["make:job Email --dir made", "wrote made"],
  ])("queueport %s works", async (args, expected) => {
    const { code, stdout, stderr } = await queueport(...args.split(" "));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).toContain(expected);
  });

  test.each([
    ["JSON lines", "--no-pretty", /"msg":"welcomed"/],
    ["lines for people", "--pretty", /INFO: welcomed \{"id":/],
  ])("a worker logs %s, and serves its health and metrics", async (_, flag, welcomed) => {
    const flags = ["--provider", "memory", "--handlers", "handlers.js", "--queue", "emails", flag];
    const worker = spawn(process.execPath, [main, "worker", ...flags, "--metrics-port", "0"], {
      cwd: app.path,
    });
    const ended = once(worker, "exit");
    let log = "";
    let port = "";
    for await (const line of createInterface(worker.stdout)) {
      log += `${line}\n`;
      port ||= /"port":(\d+)/.exec(line)?.[1] ?? "";
      if (welcomed.test(line)) break;
    }
    const get = async (path: string): Promise<string> =>
      (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    expect(log).toContain("the account was deleted");
    expect(await get("/health/ready")).toContain(`"ready":true`);
    expect(await get("/metrics")).toMatch(/^jobs_queued_total\{.*\} 1$[^]*^process_cpu_seconds_total /m);
    worker.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  test("a pump runs until SIGTERM", async () => {
    const pump = spawn(process.execPath, [main, "pump", "emails", "--provider", "memory"], { cwd: app.path });
    const ended = once(pump, "exit");
    await Promise.race([once(pump.stderr, "data"), once(pump.stdout, "data")]);
    pump.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  test.each([
    ["stats emails --provider sqs", "npm install @aws-sdk/client-sqs"],
    ["stats emails --provider pubsub", "npm install @google-cloud/pubsub"],
    ["stats emails --provider service-bus", "npm install @azure/service-bus"],
    ["stats emails --provider postgres", "npm install pg"],
    ["service-bus-server --port 0", "npm install rhea"],
  ])("queueport %s names the package that it needs, and how to install it", async (args, command) => {
    const { code, stdout, stderr } = await queueport(...args.split(" "));
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/needs the package \S+, which is not installed\. Install it: /);
    expect(stderr).toContain(command);
  });

  test("the root opens a queue on which a worker runs", async () => {
    const source = `
      import { openQueue, Worker } from "queueport";
      await using queue = await openQueue({ provider: "memory" });
      const { promise: greeted, resolve } = Promise.withResolvers();
      const worker = new Worker(queue).register("welcome", ({ payload }) => resolve(payload.name));
      const running = worker.run("emails");
      await queue.send("emails", { type: "welcome", payload: { name: "Ada" } });
      console.log("Hello, " + (await greeted) + "!");
      await worker.stop();
      await running;
    `;
    expect(await program(source)).toBe("Hello, Ada!\n");
  });

  test("openQueue refuses the same configurations from the root and from queueport/open", async () => {
    const source = `
      import * as root from "queueport";
      import * as open from "queueport/open";
      for (const { openQueue } of [root, open])
        for (const config of [{ provider: "none" }, { provider: "sqs", region: "eu-west-1" }, undefined])
          await openQueue(config).catch((error) => console.log(root.isQueueError(error), error.code, error.message));
    `;
    const lines = (await program(source)).trimEnd().split("\n");
    expect(lines.slice(0, 3)).toEqual([
      expect.stringMatching(/^true config queue configuration: provider: unknown provider "none"/),
      expect.stringMatching(/^true missing_dependency .*npm install @aws-sdk\/client-sqs$/),
      expect.stringMatching(/^true config queue configuration: expected an object/),
    ]);
    expect(lines.slice(3)).toEqual(lines.slice(0, 3));
  });

  test("createMetrics needs prom-client only if it is given no registry", async () => {
    const source = `
      import { isQueueError } from "queueport";
      import { createMetrics } from "queueport/metrics";
      const registry = { getSingleMetric() {}, registerMetric() {}, removeSingleMetric() {} };
      createMetrics({ registry }).close();
      try {
        createMetrics();
      } catch (error) {
        console.log(isQueueError(error, "missing_dependency"), error.message);
      }
    `;
    expect(await program(source)).toMatch(/^true createMetrics .*: npm install prom-client/);
  });

  test("the types compile, with a check of every declaration, if only @types/node is installed", async () => {
    const types = join(app.path, "node_modules/@types/node");
    mkdirSync(join(types, ".."), { recursive: true });
    symlinkSync(join(root, "node_modules/@types/node"), types, "dir");
    const subPaths = Object.keys(manifest.exports).filter(
      (path) => !needsPeer(path) && !path.endsWith(".json"),
    );
    const lines = subPaths.map(
      (path) => `export * as _${path.replaceAll(/\W/g, "")} from "queueport${path.slice(1)}";`,
    );
    write("types.ts", lines.join("\n"));
    const compilerOptions = {
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      module: "nodenext",
      types: ["node"],
      strict: true,
    };
    write(
      "tsconfig.json",
      JSON.stringify({ compilerOptions: { ...compilerOptions, noEmit: true }, files: ["types.ts"] }),
    );
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    expect(await runNode([tsc, "-p", app.path], { cwd: app.path })).toEqual({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});

/** Whether the declarations of a sub-path refer to those of an optional peer. */
function needsPeer(subPath: string): boolean {
  return ["./sqs", "./pubsub", "./service-bus", "./postgres", "./redis", "./metrics"].includes(subPath);
}
