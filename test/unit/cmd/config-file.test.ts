import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig, resolveConfig } from "../../../cmd/lib/config-file.ts";

describe("resolveConfig", () => {
  it("separates the queue from the worker, and makes the handlers path relative to the file", () => {
    const content = { provider: "memory", capacity: 5, worker: { handlers: "./jobs.ts", concurrency: 3 } };
    expect(resolveConfig(content, "/app/queueport.config.json")).toEqual({
      queue: { provider: "memory", capacity: 5 },
      worker: { handlers: "/app/jobs.ts", concurrency: 3 },
    });
  });

  it("reads durations of the worker as milliseconds", () => {
    const worker = { timeoutMs: "5m", drainMs: { seconds: 20 }, leaseMs: 30_000, backoff: { capMs: "1h" } };
    expect(resolveConfig({ provider: "memory", worker }, "file").worker).toMatchObject({
      timeoutMs: 300_000,
      drainMs: 20_000,
      leaseMs: 30_000,
      backoff: { capMs: 3_600_000 },
    });
    expect(() => resolveConfig({ provider: "memory", worker: { timeoutMs: "5 parsecs" } }, "file")).toThrow(
      "worker.timeoutMs: expected a duration such as",
    );
  });

  it("makes the path of the delay store relative to the file, except for a store in memory", () => {
    const at = (sqlite: string): unknown =>
      resolveConfig({ provider: "memory", delayStore: { sqlite } }, "/app/queueport.config.json").queue
        .delayStore;
    expect(at("./delays.db")).toEqual({ sqlite: "/app/delays.db" });
    expect(at("/var/delays.db")).toEqual({ sqlite: "/var/delays.db" });
    expect(at(":memory:")).toEqual({ sqlite: ":memory:" });
    expect(at("file:delays.db?mode=ro")).toEqual({ sqlite: "file:delays.db?mode=ro" });
  });

  it("accepts 0 where it has a meaning, and refuses it for a time limit", () => {
    const zeros = {
      graceMs: 0,
      drainMs: 0,
      unknownTypeMaxAgeMs: 0,
      backoff: { baseMs: 0, capMs: 0 },
      metricsPort: 0,
    };
    expect(resolveConfig({ provider: "memory", worker: zeros }, "file").worker).toEqual(zeros);
    for (const name of ["timeoutMs", "hardLimitMs", "leaseMs", "extendEveryMs"]) {
      expect(() => resolveConfig({ provider: "memory", worker: { [name]: 0 } }, "file")).toThrow(
        `worker.${name}`,
      );
    }
  });

  it("prefers the provider of the command line to that of the file", () => {
    expect(resolveConfig({ capacity: 5 }, "file", "memory").queue).toEqual({
      provider: "memory",
      capacity: 5,
    });
  });

  it.each([
    [[], "file: expected an object"],
    [{ provider: "memory", wroker: {} }, 'file: unknown key "wroker", did you mean "worker"?'],
    [{ provider: "memory", worker: 5 }, "file: worker: expected an object; got 5"],
    [{ provider: "memory", worker: { queues: [] } }, "file: worker.queues: expected at least 1 entries"],
    [{ provider: "memory", worker: { queues: "a" } }, 'file: worker.queues: expected an array; got "a"'],
    [
      { provider: "memory", worker: { timeout: 5 } },
      'file: worker: unknown key "timeout", did you mean "timeoutMs"?',
    ],
    [{ provider: "memory", worker: { metricsPort: 70_000 } }, "worker.metricsPort: expected at most 65535"],
    [{ provider: "memory", worker: { logLevel: "loud" } }, 'worker.logLevel: expected one of "trace", '],
  ])("refuses the content %j", (content, sentence) => {
    expect(() => resolveConfig(content, "file")).toThrow(sentence);
  });
});

describe("loadConfig", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "queueport-config-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["a.json", '{ "provider": "memory", "capacity": 7 }'],
    ["b.yaml", "provider: memory\ncapacity: 7\n"],
    ["c.yml", "{ provider: memory, capacity: 7 }"],
    ["s.json", '{ "$schema": "./schema.json", "provider": "memory", "capacity": 7 }'],
    ["bom.json", '\ufeff{ "provider": "memory", "capacity": 7 }'],
    ["d.mjs", "export default { provider: 'memory', capacity: 7 };"],
    ["e.mjs", "export default async () => ({ provider: 'memory', capacity: 7 });"],
  ])("reads the file %s", async (name, content) => {
    const file = join(folder, name);
    await writeFile(file, content);
    expect(await loadConfig({ config: file })).toEqual({
      queue: { provider: "memory", capacity: 7 },
      worker: {},
    });
  });

  it.each([
    ["f.json", "{", "f.json could not be read as JSON"],
    ["g.yaml", "a: [", "g.yaml could not be read as YAML"],
    ["h.mjs", "export const a = 1;", "h.mjs: expected a default export"],
    ["i.mjs", "export default () => { throw new Error('no vault'); };", "i.mjs: its function failed"],
    ["j.mjs", "throw new Error('no vault');", "no vault"],
    ["directory.json", undefined, "directory.json could not be read: "],
    ["k.toml", "", "k.toml: the name of a configuration file must end in .ts"],
  ])("refuses the file %s", async (name, content, sentence) => {
    const file = join(folder, name);
    if (content === undefined) await mkdir(file);
    else await writeFile(file, content);
    await expect(loadConfig({ config: file })).rejects.toThrow(sentence);
  });

  it.each([
    ["l.yaml", 'provider: sqs\ncredentials:\n  secretAccessKey: "wJalr" x\n', "in line 3"],
    [
      "m.json",
      '{ "provider": "sqs",\n  "credentials": { "secretAccessKey": wJalr } }',
      "as JSON: Unexpected token",
    ],
    ["n.json", '{ "provider": "sqs", "credentials": { "secretAccessKey": "wJalr" ', "in line 1"],
    ["p.yaml", "provider: sqs\ncredentials: *wJalr\n", "as YAML: Unresolved alias"],
    [
      "q.json",
      '{ "provider": "memory", "delayStore": { "sqlite": "postgres://app:wJalr@db.internal/jobs" } }',
      "delayStore.sqlite: expected the path of an SQLite file",
    ],
    [
      "r.json",
      '{ "provider": "memory", "delayStore": "postgres://app:wJalr@db/jobs" }',
      "delayStore: expected an object",
    ],
    [
      "u.json",
      '{ "provider": "service-bus", "connectionString": 56125 }',
      "connectionString: expected a string.",
    ],
    [
      "v.json",
      '{ "provider": "service-bus", "adminConnectionString": 56125 }',
      "adminConnectionString: expected a string.",
    ],
    [
      "w.json",
      '{ "provider": "pubsub", "credentials": { "client_email": "a", "private_key": 56125 } }',
      "credentials.private_key: expected a string.",
    ],
    ["t.json", '{ "provider": "memory", "delayStore": { "sqlit": "wJalr" } }', 'unknown key "sqlit"'],
    [
      "o.json",
      '{ "provider": "sqs", "credentials": { "accessKeyId": "A", "secretAccessKey": 56125 } }',
      "credentials.secretAccessKey: expected a string.",
    ],
  ])("reports a mistake in %s without its secret", async (name, content, sentence) => {
    const file = join(folder, name);
    await writeFile(file, content);
    const error = await loadConfig({ config: file }).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain(sentence);
    expect(inspect(error)).not.toMatch(/wJ|56125/);
  });

  it("accepts a provider without a file", async () => {
    expect(await loadConfig({ provider: "memory" })).toEqual({ queue: { provider: "memory" }, worker: {} });
  });

  it("refuses to guess a provider", async () => {
    await expect(loadConfig({})).rejects.toMatchObject({ code: "config" });
  });
});

it("a file in UTF-16 is refused as such, and not for what it seems to contain", async () => {
  const folder = await mkdtemp(join(tmpdir(), "queueport-utf16-"));
  for (const name of ["config.yaml", "config.json"]) {
    const file = join(folder, name);
    await writeFile(file, Buffer.from("\ufeff{ provider: memory }", "utf16le"));
    await expect(loadConfig({ config: file })).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("is not text in UTF-8: it may be in UTF-16"),
    });
  }
  await rm(folder, { recursive: true });
});
