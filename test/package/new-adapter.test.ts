import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { newAdapter } from "../../scripts/new-adapter.ts";
import { root, runNode } from "./support.ts";

const PARTS = ["adapters", "docs", "examples", "scripts", "servers", "src", "test"];
const FILES = ["package.json", "tsconfig.json", "vitest.config.ts"];

/** A copy of the repository, with an adapter that was just generated. */
let copy: string;
let written: string[];

beforeAll(() => {
  copy = mkdtempSync(join(tmpdir(), "queueport-"));
  for (const part of [...PARTS, ...FILES]) cpSync(join(root, part), join(copy, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");
  written = newAdapter(copy, "acme-queue", "Acme Queue");
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const read = (path: string): string => readFileSync(join(copy, path), "utf8");

test("a generated adapter has the files of the others, a harness, a test, a page, a row and an export", () => {
  expect(written).toEqual(
    expect.arrayContaining([
      ...["config", "driver", "errors", "index", "limits", "source", "traits"].map(
        (file) => `adapters/acme-queue/${file}.ts`,
      ),
      "test/conformance/harness/acme-queue.ts",
      "test/conformance/acme-queue.test.ts",
      "docs/providers/acme-queue.md",
      "adapters/registry.ts",
      "package.json",
    ]),
  );
  expect(read("adapters/registry.ts")).toContain('"acme-queue": row({');
  const { exports } = JSON.parse(read("package.json")) as { exports: Record<string, unknown> };
  expect(exports["./acme-queue"]).toEqual({
    types: "./dist/adapters/acme-queue/index.d.ts",
    default: "./dist/adapters/acme-queue/index.js",
  });
  expect(Object.keys(exports).slice(-3)).toEqual(["./service-bus-server", "./acme-queue", "./package.json"]);
});

test("a generated adapter has its own name everywhere", () => {
  const own = written.filter((path) => path.includes("acme-queue"));
  expect(own.filter((path) => /template/i.test(read(path)))).toEqual([]);
  expect(read("adapters/acme-queue/driver.ts")).toMatch(/function acmeQueue\(.*AcmeQueueOptions/);
});

test("a generated adapter compiles", async () => {
  const include = ["adapters", "test/conformance"];
  writeFileSync(join(copy, "tsconfig.new.json"), JSON.stringify({ extends: "./tsconfig.json", include }));
  const tsc = join(copy, "node_modules/typescript/bin/tsc");
  const { code, stdout } = await runNode([tsc, "-p", "tsconfig.new.json"], { cwd: copy });
  expect([code, stdout]).toEqual([0, ""]);
});

/** Runs the conformance test of the generated adapter, which has to fail. Returns its output. */
async function failedConformance(env: Readonly<Record<string, string>> = {}): Promise<string> {
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "conformance", "test/conformance/acme-queue.test.ts"];
  const { code, stdout, stderr } = await runNode(args, { cwd: copy, env: { NO_COLOR: "1", ...env } });
  expect(code).toBe(1);
  return stdout + stderr;
}

test("the conformance test of a generated adapter without a server names the variable for its address", async () => {
  expect(await failedConformance()).toContain(
    "No server at 127.0.0.1:1. Start one, or set QUEUEPORT_TEST_ACME_QUEUE.",
  );
});

test("the conformance test of a generated adapter fails because its client is not implemented", async () => {
  const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(await failedConformance({ QUEUEPORT_TEST_ACME_QUEUE: url })).toContain(
      'The adapter "acme-queue" is not implemented yet: adapters/acme-queue/clients.ts does not connect',
    );
  } finally {
    server.close();
  }
});

test("a name that is not valid, or that exists, is refused", () => {
  expect(() => newAdapter(copy, "Acme")).toThrow('"Acme" is not a name');
  expect(() => newAdapter(copy, "sqs")).toThrow("adapters/sqs exists already");
});

test("the conformance command prints its usage for --help and for an unknown option", async () => {
  const command = join(root, "test/conformance/run.ts");
  const help = await runNode([command, "--help"]);
  expect([help.code, help.stdout]).toEqual([
    0,
    expect.stringContaining("npm run test:conformance -- <adapter>"),
  ]);
  const unknown = await runNode([command, "--nothing"]);
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toMatch(/^Unknown option '--nothing'[^]*npm run test:conformance/);
});
