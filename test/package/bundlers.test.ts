import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bundlers, runEsbuild } from "./bundlers.ts";
import { blocks } from "./pages.ts";
import { type Application, packedApplication, root, runNode } from "./support.ts";

/** Applications that installed queueport and bundlers: one without any SDK, one with the SDK of SQS. */
let bare: Application;
let withSqs: Application;
/** A folder from which no package can be found. A bundle that runs there contains everything that it needs. */
const elsewhere = mkdtempSync(join(tmpdir(), "queueport-bundlers-"));
let server: ReturnType<typeof spawn>;
/** The configuration of a local SQS. The programs read it from the environment. */
let sqs: string;

beforeAll(async () => {
  bare = packedApplication("vite", "webpack");
  withSqs = packedApplication("@aws-sdk/client-sqs", "esbuild");
  server = spawn(process.execPath, [join(root, "scripts/sqs-server.ts"), "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (server.stdout === null) throw new Error("no output");
  const [line] = (await once(createInterface(server.stdout), "line")) as [string];
  const endpoint = line.replace("SQS_ENDPOINT=", "");
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  sqs = JSON.stringify({ endpoint, credentials, region: "eu-west-1", waitSeconds: 1 });
});

afterAll(() => {
  server.kill();
  bare[Symbol.dispose]();
  withSqs[Symbol.dispose]();
  rmSync(elsewhere, { recursive: true, force: true });
});

/** Needs no SDK. A handler fails, and each provider is opened. */
const IN_MEMORY = `
import { isQueueError, openQueue, PermanentError, Worker } from "queueport";

async function charge() {
  throw new PermanentError("the account was deleted");
}

async function main() {
  const queue = await openQueue({ provider: "memory" });
  const worker = new Worker(queue).register("charge", charge);
  const failed = new Promise((resolve) => worker.on("dead_lettered", resolve));
  const running = worker.run("payments");
  await queue.send("payments", { type: "charge", payload: null });
  await failed;
  await worker.stop();
  await running;
  const [dead] = await queue.deadLetters("payments").list();
  console.log(dead.info.error, "in", dead.info.frame);
  await queue.close();
  for (const provider of ["sqs", "pubsub", "service-bus", "postgres", "redis"])
    await openQueue({ provider }).catch((error) =>
      console.log(isQueueError(error, "missing_dependency"), error.message));
}
void main();
`;

/** The lines that `IN_MEMORY` prints where no SDK is installed. */
const IN_MEMORY_PRINTS: readonly unknown[] = [
  expect.stringMatching(/^PermanentError: the account was deleted in .*main\.[cm]?js:\d+\)?$/),
  expect.stringMatching(/^true .* npm install @aws-sdk\/client-sqs$/),
  expect.stringMatching(/^true .* npm install @google-cloud\/pubsub@[\d.]+$/),
  expect.stringMatching(/^true .* npm install @azure\/service-bus$/),
  expect.stringMatching(/^true .* npm install pg$/),
  expect.stringMatching(/^true .* npm install @redis\/client$/),
];

/** Opens SQS by its configuration, and a provider whose SDK is not installed. */
const BY_CONFIGURATION = `
import { isQueueError, Worker } from "queueport";
import { openQueue } from "queueport/open";

async function main() {
  const queue = await openQueue({ provider: "sqs", ...JSON.parse(process.env.SQS) });
  const name = process.env.QUEUE;
  await queue.ensure(name);
  const greeted = Promise.withResolvers();
  const worker = new Worker(queue).register("welcome", ({ payload }) => greeted.resolve(payload.name));
  const running = worker.run(name);
  await queue.send(name, { type: "welcome", payload: { name: "Ada" } });
  console.log("Hello, " + (await greeted.promise) + "!");
  await worker.stop();
  await running;
  await queue.close();
  await openQueue({ provider: "pubsub" }).catch((error) =>
    console.log(isQueueError(error, "missing_dependency")));
}
void main();
`;

/** A Lambda function that sends: the queue is opened once for all invocations. */
const LAMBDA = `
import { createQueue } from "queueport";
import { sqs } from "queueport/sqs";

const queue = createQueue(sqs(JSON.parse(process.env.SQS)));
const ready = queue.ensure(process.env.QUEUE);

export async function handler(event) {
  await ready;
  await queue.send(process.env.QUEUE, { type: "welcome", payload: event });
  return (await queue.stats(process.env.QUEUE)).messages;
}
`;

let count = 0;

/** Writes a program into an application. Returns its file and a new folder for the bundle. */
function written({ path }: Application, program: string): { readonly entry: string; readonly out: string } {
  count += 1;
  const entry = join(path, `program-${count}.mjs`);
  const out = join(elsewhere, String(count));
  writeFileSync(entry, program);
  mkdirSync(out);
  return { entry, out };
}

/** The lines that a process prints, which has an SQS queue of its own. */
async function lines(...args: readonly string[]): Promise<string[]> {
  const env = { SQS: sqs, QUEUE: `queue-${randomUUID()}` };
  const { code, stdout, stderr } = await runNode(args, { cwd: elsewhere, env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

/** The packages that webpack warns about. The other bundlers are silent about an import in a `try` block. */
function notResolved(warnings: readonly string[]): string[] {
  return warnings.map((warning) => /^Module not found: .* resolve '(.+?)'/.exec(warning)?.[1] ?? warning);
}

describe.each(Object.entries(bundlers))("a bundle of %s", (name, bundle) => {
  const isSilent = !name.startsWith("webpack");

  test("works without any SDK, and names the missing package of each provider", async () => {
    const { entry, out } = written(bare, IN_MEMORY);
    const { file, warnings } = await bundle(entry, out);
    expect(await lines(file)).toEqual(IN_MEMORY_PRINTS);
    const packages = [
      "@aws-sdk/client-sqs",
      "@azure/identity",
      "@azure/service-bus",
      "@google-cloud/monitoring",
      "@google-cloud/pubsub",
      "@redis/client",
      "pg",
    ];
    expect(notResolved(warnings).toSorted()).toEqual(isSilent ? [] : packages);
  });

  test("contains the SDK that is installed, and names the missing package of another provider", async () => {
    const { entry, out } = written(withSqs, BY_CONFIGURATION);
    const { file, warnings } = await bundle(entry, out);
    expect(await lines(file)).toEqual(["Hello, Ada!", "true"]);
    expect(notResolved(warnings)).not.toContain("@aws-sdk/client-sqs");
    expect(warnings).toHaveLength(isSilent ? 0 : 6);
  });

  test("contains no other adapter if the application imports the adapter of SQS", async () => {
    const { entry, out } = written(
      withSqs,
      `${LAMBDA}\nvoid handler(1).then(console.log).then(() => queue.close());`,
    );
    const { file } = await bundle(entry, out);
    expect(await lines(file)).toEqual(["1"]);
    const texts = globSync("**/*js", { cwd: out }).map((path) => readFileSync(join(out, path), "utf8"));
    expect(texts.filter((text) => text.includes("@google-cloud/pubsub"))).toEqual([]);
  });
});

describe("a Lambda function in a single CommonJS file", () => {
  /** Invokes the function twice, as Lambda's runtime does. */
  const invoke = (file: string): string => `
    const { handler } = require(${JSON.stringify(file)});
    handler({}).then(() => handler({})).then((messages) => { console.log(messages); process.exit(); });
  `;

  test("sends with the SDK that is in the file", async () => {
    const { entry, out } = written(withSqs, LAMBDA);
    const outfile = join(out, "index.js");
    const warnings = await runEsbuild({ entryPoints: [entry], outfile, format: "cjs" });
    expect(warnings).toEqual([]);
    expect(await lines("-e", invoke(outfile))).toEqual(["2"]);
  });

  test("sends with the SDK of the runtime, if the SDK is external", async () => {
    const { entry, out } = written(bare, LAMBDA);
    // The runtime finds its packages above the function's folder, as Node does here.
    const outfile = join(withSqs.path, out.replace(/^.*\//, ""), "index.js");
    await runEsbuild({ entryPoints: [entry], outfile, format: "cjs", external: ["@aws-sdk/*"] });
    expect(await lines("-e", invoke(outfile))).toEqual(["2"]);
  });
});

describe("docs/guide/bundlers.md", () => {
  const files = blocks(readFileSync(join(root, "docs/guide/bundlers.md"), "utf8"), "js");

  /** Writes a file of the page next to a program, and runs the bundler. Returns the output of the bundler. */
  async function run(
    { path }: Application,
    program: string,
    file: string,
    ...args: string[]
  ): Promise<string> {
    writeFileSync(join(path, file), files.find((text) => text.startsWith(`// ${file}\n`)) ?? "throw 1");
    writeFileSync(join(path, "main.js"), program);
    writeFileSync(join(path, "package.json"), `{ "type": "module" }`);
    const { code, stdout, stderr } = await runNode(args, { cwd: path });
    expect(code).toBe(0);
    return stdout + stderr;
  }

  test("has a script for esbuild and ESM that bundles a CommonJS SDK without a warning", async () => {
    expect(await run(withSqs, BY_CONFIGURATION, "esbuild.mjs", "esbuild.mjs")).toBe("");
    expect(await lines(join(withSqs.path, "dist/main.mjs"))).toEqual(["Hello, Ada!", "true"]);
  });

  test("has a configuration of webpack that bundles without a warning", async () => {
    const cli = `
      import webpack from "webpack";
      import configuration from "./webpack.config.mjs";
      webpack(configuration, (_, stats) => console.log(stats.toString("errors-warnings")));
    `;
    expect(await run(bare, IN_MEMORY, "webpack.config.mjs", "--input-type=module", "-e", cli)).toBe(
      "webpack compiled successfully\n",
    );
    expect(await lines(join(bare.path, "dist/main.cjs"))).toEqual(IN_MEMORY_PRINTS);
  });

  test("has a configuration of Vite that bundles without a warning", async () => {
    const cli = join(root, "node_modules/vite/bin/vite.js");
    expect(await run(bare, IN_MEMORY, "vite.config.mjs", cli, "build", "--logLevel", "warn")).toBe("");
    expect(await lines(join(bare.path, "dist/main.js"))).toEqual(IN_MEMORY_PRINTS);
  });
});
