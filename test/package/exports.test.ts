import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { application, root, runNode } from "./support.ts";

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
const targets = Object.entries(manifest.exports).filter(([, target]) => typeof target === "object") as [
  string,
  { readonly types: string; readonly default: string },
][];

/** The values that each sub-path exports: a name that appears or goes is a change of the public interface. */
const names: Readonly<Record<string, readonly string[]>> = {
  ".": [
    "Gate",
    "PermanentError",
    "QueueError",
    "RetryAfterError",
    "Worker",
    "channels",
    "createQueue",
    "defaults",
    "defineJob",
    "isQueueError",
  ],
  "./open": ["openQueue", "parseConfig"],
  "./driver": ["DriverError", "QueueError", "messageBytes", "ownerQueue", "siblingQueue", "systemClock"],
  "./delay-store": ["sqliteDelayStore"],
  "./testing": ["FakeClock", "JobRecord", "recordJobs", "runUntilIdle"],
  "./metrics": ["createMetrics"],
  "./memory": ["memory"],
  "./sqs": ["sqs"],
  "./pubsub": ["pubsub"],
  "./service-bus": ["serviceBus"],
  "./service-bus-server": ["startServiceBusServer"],
};

/** Reports what is exported, and every package that was loaded for it. */
const probe = `
  import { registerHooks } from "node:module";
  const loaded = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const path = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(resolved.url);
      if (path) loaded.add(path[1]);
      return resolved;
    },
  });
  const module = await import(process.argv[1]);
  console.log(JSON.stringify({ names: Object.keys(module).sort(), loaded: [...loaded].sort() }));
`;

async function load(subPath: string): Promise<{ names: string[]; loaded: string[] }> {
  using app = application();
  const specifier = `queueport${subPath.slice(1)}`;
  const { code, stdout, stderr } = await runNode(["--input-type=module", "-e", probe, specifier], {
    cwd: app.path,
  });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout) as { names: string[]; loaded: string[] };
}

describe("every sub-path", () => {
  test.each(targets)("%s is built, with its declarations", (_, target) => {
    expect(existsSync(join(root, target.default))).toBe(true);
    expect(existsSync(join(root, target.types))).toBe(true);
  });

  test.each(Object.entries(names))("%s exports its names, and no other", async (subPath, expected) => {
    expect((await load(subPath)).names).toEqual(expected);
  });
});

describe("what is loaded", () => {
  test("by the root: ids, and nothing else", async () => {
    expect((await load(".")).loaded).toEqual(["uuid"]);
  });

  test("by ./open: what checks a configuration, and no SDK", async () => {
    expect((await load("./open")).loaded).toEqual(["leven", "uuid", "zod"]);
  });

  test("by ./metrics: prom-client, and no SDK", async () => {
    const { loaded } = await load("./metrics");
    expect(loaded).toContain("prom-client");
    expect(loaded.filter((name) => name in manifest.peerDependencies)).toEqual([]);
  });

  test.each(["./driver", "./memory", "./testing"])("by %s: no more than by the root", async (subPath) => {
    expect((await load(subPath)).loaded.filter((name) => name !== "uuid")).toEqual([]);
  });
});

test("the command line runs from what is built", async () => {
  const { code, stdout } = await runNode([join(root, manifest.bin["queueport"] as string), "--version"]);
  expect(code).toBe(0);
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
});
