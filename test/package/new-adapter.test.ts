import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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

test("the conformance test of a generated adapter fails because its client is not implemented", async () => {
  const vitest = join(copy, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--project", "conformance", "test/conformance/acme-queue.test.ts"];
  const { code, stdout, stderr } = await runNode(args, { cwd: copy, env: { NO_COLOR: "1" } });
  expect(code).toBe(1);
  expect(stdout + stderr).toContain(
    'The adapter "acme-queue" is not implemented yet: adapters/acme-queue/clients.ts does not connect',
  );
});

test("a name that is not valid, or that exists, is refused", () => {
  expect(() => newAdapter(copy, "Acme")).toThrow('"Acme" is not a name');
  expect(() => newAdapter(copy, "sqs")).toThrow("adapters/sqs exists already");
});
