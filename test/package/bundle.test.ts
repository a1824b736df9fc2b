import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Application, packedApplication, root, runNode } from "./support.ts";

/** An application that has installed queueport and the SDK of one provider. */
let app: Application;
/** Empty: a bundle that runs there needs no package. */
const elsewhere = mkdtempSync(join(tmpdir(), "queueport-bundle-"));
let server: ReturnType<typeof spawn>;
let endpoint: string;

beforeAll(async () => {
  app = packedApplication("@aws-sdk/client-sqs");
  server = spawn(process.execPath, [join(root, "scripts/sqs-server.ts"), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (server.stdout === null) throw new Error("no output");
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  endpoint = line.replace("SQS_ENDPOINT=", "");
});

afterAll(() => {
  server.kill();
  app[Symbol.dispose]();
  rmSync(elsewhere, { recursive: true, force: true });
});

/** The lines that a program prints, bundled into one file that runs where no package is installed. */
async function bundled(format: "cjs" | "esm", program: string): Promise<string[]> {
  const entry = join(app.path, "program.ts");
  const outfile = join(elsewhere, format === "cjs" ? "program.cjs" : "program.mjs");
  writeFileSync(entry, program);
  // AWS's packages are CommonJS by their "main" field. They require Node's modules, which an ES module cannot.
  const mainFields = format === "esm" ? ["module", "main"] : ["main"];
  await build({
    mainFields,
    entryPoints: [entry],
    outfile,
    format,
    bundle: true,
    minify: true,
    platform: "node",
    logLevel: "error",
  });
  const { code, stdout, stderr } = await runNode([outfile], { cwd: elsewhere });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

describe.each(["cjs", "esm"] as const)("a bundle of one file, of format %s", (format) => {
  test("opens the provider whose SDK is installed, and names the package of another", async () => {
    const program = `
      import { isQueueError, openQueue, Worker } from "queueport";
      async function main() {
        const region = "eu-west-1";
        const credentials = { accessKeyId: "test", secretAccessKey: "test" };
        const queue = await openQueue({ provider: "sqs", endpoint: "${endpoint}", region, credentials, waitSeconds: 1 });
        await queue.ensure("${format}");
        const { promise: greeted, resolve } = Promise.withResolvers<string>();
        const worker = new Worker(queue);
        worker.register<{ name: string }>("welcome", ({ payload }) => resolve(payload.name));
        const running = worker.run("${format}");
        await queue.send("${format}", { type: "welcome", payload: { name: "Ada" } });
        console.log("Hello, " + (await greeted) + "!");
        await worker.stop();
        await running;
        await queue.close();
        await openQueue({ provider: "pubsub" }).catch((error) =>
          console.log(isQueueError(error, "missing_dependency"), error.message));
      }
      void main();
    `;
    expect(await bundled(format, program)).toEqual([
      "Hello, Ada!",
      expect.stringMatching(/^true .* @google-cloud\/pubsub, .* npm install @google-cloud\/pubsub/),
    ]);
  });

  test("sends by the SQS adapter alone", async () => {
    const program = `
      import { createQueue } from "queueport";
      import { sqs } from "queueport/sqs";
      async function main() {
        const credentials = { accessKeyId: "test", secretAccessKey: "test" };
        const queue = createQueue(sqs({ endpoint: "${endpoint}", region: "eu-west-1", credentials }));
        await queue.ensure("${format}-alone");
        await queue.send("${format}-alone", { type: "welcome", payload: null });
        console.log((await queue.stats("${format}-alone")).messages);
        await queue.close();
      }
      void main();
    `;
    expect(await bundled(format, program)).toEqual(["1"]);
  });

  test("dead-letters a message whose handler fails, and keeps metrics in a registry that it is given", async () => {
    const program = `
      import { createQueue, PermanentError, Worker } from "queueport";
      import { memory } from "queueport/memory";
      import { createMetrics } from "queueport/metrics";
      async function main() {
        const queue = createQueue(memory());
        const names = new Set<string>();
        const registry = { getSingleMetric() {}, registerMetric: ({ name }) => names.add(name), removeSingleMetric() {} };
        const metrics = createMetrics({ registry: registry as never });
        const worker = new Worker(queue);
        worker.register("broken", () => { throw new PermanentError("the account was deleted"); });
        const { promise: failed, resolve } = Promise.withResolvers<void>();
        worker.on("dead_lettered", () => resolve());
        const running = worker.run("emails");
        await queue.send("emails", { type: "broken", payload: null });
        await failed;
        await worker.stop();
        await running;
        const [dead] = await queue.deadLetters("emails").list();
        console.log(dead?.info.reason, dead?.info.error, names.has("jobs_dead_lettered_total"));
        metrics.close();
        await queue.close();
      }
      void main();
    `;
    expect(await bundled(format, program)).toEqual([
      "permanent_error PermanentError: the account was deleted true",
    ]);
  });
});
