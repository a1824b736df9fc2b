import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Application, packedApplication, runNode } from "../support.ts";

/** jest has 180 packages, which are too many for a development dependency: they come from the npm registry. */
const PACKAGES = ["jest@30.5.2", "@swc/jest@0.2.39", "@swc/core@1.16.22"];

let app: Application;
const tools = mkdtempSync(join(tmpdir(), "queueport-jest-"));
let isInstalled = false;

beforeAll(() => {
  app = packedApplication();
  writeFileSync(join(tools, "package.json"), "{}");
  try {
    const options = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0"];
    execFileSync("npm", ["install", ...options, ...PACKAGES], {
      cwd: tools,
      stdio: "ignore",
      timeout: 150_000,
    });
    isInstalled = true;
  } catch {
    // The tests are skipped.
  }
});

afterAll(() => {
  app[Symbol.dispose]();
  rmSync(tools, { recursive: true, force: true });
});

const IMPORTS = `
import { createQueue, isQueueError, openQueue, Worker } from "queueport";
import { memory } from "queueport/memory";
import { createMetrics } from "queueport/metrics";
import { FakeClock, runUntilIdle } from "queueport/testing";
`;
/** The same imports in a file that is CommonJS as it is written. */
const REQUIRES = IMPORTS.replaceAll(/import (.*) from (.*);/g, "const $1 = require($2);");
const TESTS = `
test("a job runs at its time", async () => {
  const clock = new FakeClock();
  const queue = createQueue(memory({ clock }));
  const welcomed = [];
  const worker = new Worker(queue).register("welcome", ({ payload }) => void welcomed.push(payload.name));
  await queue.sendDelayed("emails", { type: "welcome", payload: { name: "Ada" } }, "3 days");
  await runUntilIdle(worker, "emails", { clock });
  expect(welcomed).toEqual(["Ada"]);
  await queue.close();
});

test("a missing SDK is named", async () => {
  const error = await openQueue({ provider: "sqs", region: "eu-west-1" }).catch((error) => error);
  expect(isQueueError(error, "missing_dependency")).toBe(true);
  expect(typeof createMetrics).toBe("function");
});
`;

const VM_MODULES = ["--experimental-vm-modules", "--disable-warning=ExperimentalWarning"];
const TRANSFORM = {
  transform: { "\\.js$": join(tools, "node_modules/@swc/jest") },
  transformIgnorePatterns: ["/node_modules/(?!queueport/)"],
};

test.for([
  { tests: "that are ES modules", type: "module", head: IMPORTS, flags: VM_MODULES },
  { tests: "that require queueport, on Node 24.9", type: "commonjs", head: REQUIRES, flags: VM_MODULES },
  {
    tests: "that are transformed to CommonJS, with queueport",
    type: "commonjs",
    head: IMPORTS,
    jest: TRANSFORM,
  },
])("jest runs tests $tests", async ({ type, head, flags = [], jest = { transform: {} } }, { skip }) => {
  skip(!isInstalled, "the npm registry does not answer");
  writeFileSync(join(app.path, "package.json"), JSON.stringify({ type, jest }));
  writeFileSync(join(app.path, "main.test.js"), head + TESTS);
  const ran = await runNode([...flags, join(tools, "node_modules/jest/bin/jest.js")], { cwd: app.path });
  expect(ran.stderr).toContain("Tests:       2 passed, 2 total");
  expect(ran.code).toBe(0);
});
