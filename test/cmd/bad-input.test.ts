import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fixture, queueport } from "./run.ts";

const base = ["worker", "--provider", "memory", "--queue", "emails", "--log-level", "warn"];
const steady = ["--handlers", fixture("steady.ts")];
const send = ["send", "emails", "--provider", "memory", "--type", "welcome"];

const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "a configuration with an unknown key",
    ["worker", "-c", "typo.yaml", "-q", "emails", ...steady],
    /typo\.yaml: unknown key "capactiy", did you mean "capacity"\?/,
  ],
  [
    "a configuration with an invalid value in its worker part",
    ["worker", "-c", "worker-typo.json"],
    /worker-typo\.json: worker\.concurrency: expected a (whole )?number; got "many"/,
  ],
  [
    "a configuration file that does not exist",
    ["worker", "-c", "absent.yaml"],
    /absent\.yaml: there is no such file/,
  ],
  [
    "a command without a configuration",
    ["worker", "-q", "emails", ...steady],
    /No configuration was found: pass --config/,
  ],
  ["an unknown provider", ["stats", "emails", "--provider", "kafka"], /unknown provider "kafka".*"memory"/],
  [
    "a worker without a queue",
    ["worker", "--provider", "memory", ...steady],
    /No queue is named: pass --queue/,
  ],
  ["a worker without a handlers module", base, /No handlers module is named: pass --handlers/],
  [
    "a handlers module that does not exist",
    [...base, "-H", "absent.ts"],
    /absent\.ts: there is no such file/,
  ],
  ["a handlers module without handlers", [...base, "-H", "none.ts"], /none\.ts registers no handlers/],
  ["a handlers module that throws", [...base, "-H", "throws.ts"], /throws\.ts: .*no database/],
  ["a handlers module with two handlers of one type", [...base, "-H", "twice.ts"], /twice\.ts: .*welcome/],
  ["an unknown option", [...base, ...steady, "--metric-port", "1"], /--metric-port.*--metrics-port/],
  ["an unknown command", ["wroker"], /wroker.*worker/],
  [
    "a number that is too small",
    [...base, ...steady, "--concurrency", "0"],
    /--concurrency.*whole number, 1 or more/,
  ],
  ["a duration without a unit", [...base, ...steady, "--timeout", "5"], /--timeout.*duration with a unit/],
  ["a payload that is not JSON", [...send, "{user}"], /The payload is not JSON/],
  ["a job without a payload", send, /needs a payload/],
  ["a job without a type", ["send", "emails", "{}", "--provider", "memory"], /needs a type/],
  ["a job with an empty type", ["send", "emails", "{}", "--provider", "memory", "--type", ""], /type/],
  ["a negative delay", [...send, "{}", "--delay", "-3d"], /--delay.*cannot be negative/],
  [
    "one deduplication id for all lines",
    ["send", "jobs", "--provider", "memory", "--ndjson", "--dedup-id", "d"],
    /--dedup-id is for one job/,
  ],
  [
    "a module that never finishes loading",
    [...base, "-H", "never.mjs"],
    /ended before it was done: a promise never/,
  ],
  [
    "a discard without a filter",
    ["dlq", "discard", "jobs", "--provider", "memory"],
    /No dead letters are selected: pass --id/,
  ],
  [
    "a time that cannot be read",
    ["dlq", "list", "jobs", "--since", "yesterday"],
    /--since.*a duration, such as 2h, or a time/,
  ],
  ["a rate of 0", ["dlq", "redrive", "jobs", "--rate", "0"], /--rate.*a number more than 0/],
  [
    "a transform module without the named function",
    ["dlq", "redrive", "jobs", "--provider", "memory", "--transform", "fix.ts#nothing"],
    /fix\.ts: expected an export named nothing to be a function/,
  ],
  [
    "a transform module that does not exist",
    ["dlq", "redrive", "jobs", "--provider", "memory", "--transform", "absent.ts"],
    /transform module absent\.ts: there is no such file/,
  ],
  ["a job name with a slash", ["make:job", "../evil"], /consists of letters and digits.*"\.\.\/evil"/],
  ["a pump without a queue", ["pump", "--provider", "memory"], /No queue is named/],
  ["a provision without a queue", ["provision", "--provider", "memory"], /No queue is named/],
  [
    "a list of jobs without a handlers module",
    ["jobs", "--provider", "memory"],
    /No handlers module is named: pass/,
  ],
  ["a job with 0 attempts", [...send, "{}", "--max-attempts", "0"], /--max-attempts.*whole number/],
];

describe.concurrent("bad input", () => {
  it.each(cases)("%s is reported in one line with exit code 2", async (_what, args, sentence) => {
    const { code, stdout, stderr } = await queueport(args).result;
    expect(stderr).toMatch(/^queueport: [^\n]+\n$/);
    expect(stderr).toMatch(sentence);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("a port in use is reported before the worker starts", async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const { port } = server.address() as AddressInfo;
    const args = [...base, ...steady, "--host", "127.0.0.1", "--metrics-port", String(port)];
    const { code, stdout, stderr } = await queueport(args).result;
    server.close();
    expect(stderr).toMatch(/^queueport: .*127\.0\.0\.1:\d+: the port is in use\..*\n$/);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it.each([
    ["export const x = { a: ;", /x\.ts: SyntaxError: Expression expected \(x\.ts:1\)\n$/],
    ["\nenum Kind { A }", /not supported in strip-only mode \(x\.ts:2\)\. .*pass the compiled module\.\n$/],
    [
      `import "./jobs.js";`,
      /Cannot find module .*jobs\.js.* Node needs the full file name in an import: import jobs\.ts, or/,
    ],
    [
      `import "./jobs";`,
      /Cannot find module .*jobs'.* Node needs the full file name in an import: import jobs\.ts, or/,
    ],
    [`import "./gone.ts";`, /Cannot find module '[^']+gone\.ts' imported from [^ ]+x\.ts\n$/],
    [
      `import { Mail } from "./jobs.ts";`,
      /does not provide an export named 'Mail' .*\. If Mail is a type, Node needs the word: import \{ type Mail \}\.\n$/,
    ],
    [`throw undefined;`, /x\.ts: undefined\n$/],
  ])("a module that Node cannot load is reported with place and advice: %s", async (source, sentence) => {
    const folder = await mkdtemp(join(tmpdir(), "queueport-cmd-"));
    await writeFile(join(folder, "x.ts"), source);
    await writeFile(join(folder, "jobs.ts"), "");
    await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
    const { code, stderr } = await queueport([...base, "-H", "x.ts"], { cwd: folder }).result;
    await rm(folder, { recursive: true });
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
  });

  it("a module in a CommonJS package is reported with the setting that it needs", async () => {
    const folder = await mkdtemp(join(tmpdir(), "queueport-cmd-"));
    await writeFile(join(folder, "x.ts"), `import { a } from "./y.ts";\nexport const b = a;`);
    await writeFile(join(folder, "package.json"), `{ "type": "commonjs" }`);
    const { code, stderr } = await queueport([...base, "-H", "x.ts"], { cwd: folder }).result;
    await rm(folder, { recursive: true });
    expect(stderr).toMatch(
      /Set "type": "module" in package\.json \(npm pkg set type=module\), or name the file \.mts\.\n$/,
    );
    expect(code).toBe(2);
  });

  it.each([
    ["worker", "-H", "steady.ts"],
    ["send", "emails", "{}", "-t", "welcome"],
    ["stats"],
    ["dlq", "list", "emails"],
    ["provision"],
    ["pump"],
    ["doctor"],
    ["doctor", "--json"],
    ["stats", "--verbose"],
  ])("a secret in the configuration is not printed by %s %s", async (...args) => {
    const { code, stdout, stderr } = await queueport([...args, "-c", "secret.json"]).result;
    expect(stdout + stderr).not.toMatch(/s3cret/);
    expect(stdout + stderr).toMatch(/delayStore\.sqlite: expected the path of an SQLite file/);
    expect(code).toBe(args[0] === "doctor" ? 1 : 2);
  });

  it("an empty environment variable counts as not set", async () => {
    const env = { QUEUEPORT_METRICS_PORT: "", QUEUEPORT_CONCURRENCY: "", QUEUEPORT_CONFIG: "" };
    const { code, stderr } = await queueport([...base, "-H", "none.ts"], { env }).result;
    expect(stderr).toMatch(/none\.ts registers no handlers/);
    expect(code).toBe(2);
  });

  it("an error is printed with its stack if --verbose is given", async () => {
    const { stderr } = await queueport(["stats", "emails", "--provider", "kafka", "--verbose"]).result;
    expect(stderr).toMatch(/\n {4}at /);
  });
});
