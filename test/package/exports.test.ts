import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { providers } from "../../adapters/registry.ts";
import { application, manifest, root, runNode } from "./support.ts";

const targets = Object.entries(manifest.exports).filter(([, target]) => typeof target === "object") as [
  string,
  { readonly types: string; readonly default: string },
][];

/** The values that each sub-path exports. A name that is added or removed changes the public interface. */
const names: Readonly<Record<string, readonly string[]>> = {
  ".": [
    "PermanentError",
    "QueueError",
    "RetryAfterError",
    "Worker",
    "channels",
    "createQueue",
    "defaults",
    "defineJob",
    "isQueueError",
    "openQueue",
  ],
  "./open": ["openJobs", "openQueue", "parseConfig"],
  "./driver": [
    "DriverError",
    "InFlightSet",
    "LONGEST_TIMEOUT_MS",
    "NameClaims",
    "PollRunner",
    "QueueError",
    "TimerHeap",
    "allEnded",
    "checkKeys",
    "checkName",
    "driverScope",
    "durationMs",
    "durationOption",
    "messageBytes",
    "numberOption",
    "optionalMs",
    "ownerQueue",
    "pollingSource",
    "rejectOnAbort",
    "reservedNameProblem",
    "sendUntilAborted",
    "siblingQueue",
    "siblingSuffixes",
    "sleep",
    "systemClock",
    "wakingSource",
  ],
  "./jobs": ["createJobs", "jobStatuses", "memoryJobStore", "ndjsonGz", "priorities", "recordOf"],
  "./jobs/testing": ["faultyJobStore", "performJob"],
  "./delay-store": ["sqliteDelayStore"],
  "./interop": ["cloudEvents", "encodeCloudEvents", "eventBridge", "eventGrid", "gcs", "s3", "sns"],
  "./api": ["bearerTokens", "jobsApi", "serveApi"],
  "./testing": ["FakeClock", "JobRecord", "recordJobs", "runUntilIdle"],
  "./metrics": ["createMetrics"],
  // Each provider has a sub-path of its name, with one function: service-bus → serviceBus.
  ...Object.fromEntries(
    Object.keys(providers).map((name) => [
      `./${name}`,
      [name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase())],
    ]),
  ),
  "./postgres": [
    "fromDrizzle",
    "fromKnex",
    "fromKysely",
    "fromPostgresJs",
    "fromPrisma",
    "inspectPostgres",
    "migratePostgres",
    "postgres",
    "postgresJobStore",
    "postgresJobTables",
    "postgresTables",
  ],
  "./sqlite": ["sqlite", "sqliteJobStore"],
  "./redis": ["inspectRedis", "redis", "redisJobStore"],
  "./service-bus-server": ["startServiceBusServer"],
};

/** Prints the exports of some modules, and what was loaded for them: packages, files of queueport, modules of Node. */
const probe = `
  import { registerHooks } from "node:module";
  const loaded = new Set();
  const files = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      const path = /.*\\/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(resolved.url);
      if (path) loaded.add(path[1]);
      else if (resolved.url.startsWith("file:")) files.add(resolved.url.replace(/.*\\/dist\\//, ""));
      return resolved;
    },
  });
  const before = new Set(process.moduleLoadList);
  const modules = [];
  for (const specifier of process.argv.slice(1)) modules.push(await import(specifier));
  const builtins = process.moduleLoadList
    .filter((name) => !before.has(name))
    .map((name) => name.replace("NativeModule ", ""))
    .filter((name) => !name.startsWith("Internal Binding") && !name.startsWith("internal/"));
  const names = modules.flatMap((module) => Object.keys(module)).sort();
  console.log(JSON.stringify({ names, loaded: [...loaded].sort(), files: [...files].sort(), builtins }));
`;

interface Loaded {
  readonly names: readonly string[];
  readonly loaded: readonly string[];
  readonly files: readonly string[];
  readonly builtins: readonly string[];
}

async function load(...subPaths: readonly string[]): Promise<Loaded> {
  return JSON.parse(await run(probe, ...subPaths.map((subPath) => `queueport${subPath.slice(1)}`))) as Loaded;
}

/** The output of a module that runs where the package is installed. */
async function run(source: string, ...args: readonly string[]): Promise<string> {
  using app = application("prom-client");
  const { code, stdout, stderr } = await runNode(["--input-type=module", "-e", source, ...args], {
    cwd: app.path,
  });
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return stdout;
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

describe("an import", () => {
  test("the root and the memory adapter load no package, three files, and no module of Node that is not loaded anyway", async () => {
    const { loaded, files, builtins } = await load(".", "./memory");
    expect({ loaded, builtins }).toEqual({ loaded: [], builtins: [] });
    expect(files).toEqual(["adapters/memory/index.js", "chunks/core.js", "src/index.js"]);
  });

  test("a send loads nothing more, and the first read of a queue loads the rest of the core", async () => {
    const source = `
      import { registerHooks } from "node:module";
      const files = [];
      registerHooks({
        resolve(specifier, context, next) {
          const resolved = next(specifier, context);
          if (resolved.url.startsWith("file:")) files.push(resolved.url.replace(/.*\\/dist\\//, ""));
          return resolved;
        },
      });
      const { createQueue } = await import("queueport");
      const { memory } = await import("queueport/memory");
      files.length = 0;
      await using queue = createQueue(memory());
      await queue.send("emails", { type: "welcome", payload: null });
      await queue.sendDelayed("emails", { type: "welcome", payload: null }, { days: 3 });
      const bySending = [...files];
      const letters = await queue.deadLetters("emails").list();
      console.log(JSON.stringify({ bySending, files, letters }));
    `;
    expect(JSON.parse(await run(source))).toEqual({
      bySending: [],
      files: ["chunks/receive.js", "chunks/rolldown-runtime.js", "chunks/core.js"],
      letters: [],
    });
  });

  test("every published file is stored by V8 at one byte per character", () => {
    const built = globSync("**/*.js", { cwd: join(root, "dist") });
    expect(built).toContain("chunks/core.js");
    const wide = built.filter((file) => /[^\0-\u007f]/.test(readFileSync(join(root, "dist", file), "utf8")));
    expect(wide).toEqual([]);
  });

  test("./open loads the checks of a configuration, and neither packages nor adapters", async () => {
    const { loaded, files } = await load("./open");
    expect({ loaded, files }).toEqual({
      loaded: [],
      files: ["adapters/open.js", "chunks/core.js", "chunks/open.js", "chunks/zod.js"],
    });
  });

  test.each(["./driver", "./memory", "./testing", "./delay-store", "./sqlite", "./interop", "./metrics"])(
    "%s loads no package",
    async (subPath) => {
      expect((await load(subPath)).loaded).toEqual([]);
    },
  );
});

test("createMetrics uses the prom-client of the application", async () => {
  const source = `
    import { Registry } from "prom-client";
    import { createMetrics } from "queueport/metrics";
    const metrics = createMetrics();
    console.log(metrics.registry instanceof Registry);
    metrics.close();
  `;
  expect(await run(source)).toBe("true\n");
});

test("every sub-path throws errors of the same class", async () => {
  const refused = `
    import { QueueError } from "queueport";
    import { memory } from "queueport/memory";
    import { parseConfig } from "queueport/open";
    import { postgres } from "queueport/postgres";
    import { pubsub } from "queueport/pubsub";
    import { redis } from "queueport/redis";
    import { serviceBus } from "queueport/service-bus";
    import { sqs } from "queueport/sqs";
    const refusals = {
      memory: () => memory({ capacity: 0 }),
      open: () => parseConfig({ provider: "none" }),
      postgres: () => postgres({ url: "none" }),
      pubsub: () => pubsub({ emulatorHost: "127.0.0.1:1" }),
      redis: () => redis({ url: "none" }),
      "service-bus": () => serviceBus({ connectionString: "none" }),
      sqs: () => sqs({ queues: { one: "same", other: "same" } }),
    };
    for (const [name, refuse] of Object.entries(refusals)) {
      try {
        refuse();
      } catch (error) {
        console.log(name, error instanceof QueueError);
      }
    }
  `;
  expect((await run(refused)).trimEnd().split("\n")).toEqual([
    "memory true",
    "open true",
    "postgres true",
    "pubsub true",
    "redis true",
    "service-bus true",
    "sqs true",
  ]);
});

test("the built command line runs", async () => {
  const { code, stdout } = await runNode([join(root, manifest.bin["queueport"] as string), "--version"]);
  expect(code).toBe(0);
  expect(stdout.trim()).toMatch(/^\d+\.\d+\.\d+/);
});
