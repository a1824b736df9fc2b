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
    "a typo in the configuration",
    ["worker", "-c", "typo.yaml", "-q", "emails", ...steady],
    /typo\.yaml: unknown key "capactiy", did you mean "capacity"\?/,
  ],
  [
    "a wrong value in its worker part",
    ["worker", "-c", "worker-typo.json"],
    /worker-typo\.json: worker\.concurrency: expected a (whole )?number; got "many"/,
  ],
  ["a missing configuration", ["worker", "-c", "absent.yaml"], /absent\.yaml: there is no such file/],
  ["no configuration", ["worker", "-q", "emails", ...steady], /No configuration: give --config/],
  ["an unknown provider", ["stats", "emails", "--provider", "kafka"], /unknown provider "kafka".*"memory"/],
  ["no queue", ["worker", "--provider", "memory", ...steady], /No queue to work on: give --queue/],
  ["no handlers", base, /No handlers: give --handlers/],
  ["a missing handlers file", [...base, "-H", "absent.ts"], /absent\.ts: there is no such file/],
  ["a handlers file without handlers", [...base, "-H", "none.ts"], /none\.ts registers no handlers/],
  ["a handlers file that throws", [...base, "-H", "throws.ts"], /throws\.ts: .*no database/],
  ["a handler registered twice", [...base, "-H", "twice.ts"], /twice\.ts: .*welcome/],
  ["an unknown option", [...base, ...steady, "--metric-port", "1"], /--metric-port.*--metrics-port/],
  ["an unknown command", ["wroker"], /wroker.*worker/],
  ["no whole number", [...base, ...steady, "--concurrency", "0"], /--concurrency.*whole number, 1 or more/],
  ["a duration without unit", [...base, ...steady, "--timeout", "5"], /--timeout.*duration with a unit/],
  ["a payload that is not JSON", [...send, "{user}"], /The payload is not JSON/],
  ["no payload", send, /needs a payload/],
  ["no type", ["send", "emails", "{}", "--provider", "memory"], /needs a type/],
  ["an empty type", ["send", "emails", "{}", "--provider", "memory", "--type", ""], /type/],
  ["a negative delay", [...send, "{}", "--delay", "-3d"], /--delay.*cannot be negative/],
  [
    "one id to deduplicate all lines by",
    ["send", "jobs", "--provider", "memory", "--ndjson", "--dedup-id", "d"],
    /--dedup-id is for one job/,
  ],
  ["a module that never answers", [...base, "-H", "never.mjs"], /ended before it was done: something never/],
  [
    "a discard of nobody knows what",
    ["dlq", "discard", "jobs", "--provider", "memory"],
    /Which ones\? Give --id/,
  ],
  [
    "a time that is none",
    ["dlq", "list", "jobs", "--since", "yesterday"],
    /--since.*a duration, such as 2h, or a time/,
  ],
  ["a rate that is none", ["dlq", "redrive", "jobs", "--rate", "0"], /--rate.*a number more than 0/],
  [
    "a transform that is none",
    ["dlq", "redrive", "jobs", "--provider", "memory", "--transform", "mend.ts#nothing"],
    /mend\.ts: expected an export named nothing, that is a function/,
  ],
  [
    "a missing transform",
    ["dlq", "redrive", "jobs", "--provider", "memory", "--transform", "absent.ts"],
    /transform module absent\.ts: there is no such file/,
  ],
  ["no name for a job", ["make:job", "../evil"], /called by letters and digits.*"\.\.\/evil"/],
  ["nothing to pump", ["pump", "--provider", "memory"], /No queue to pump/],
  ["nothing to provision", ["provision", "--provider", "memory"], /No queue: name one/],
  ["no handlers to list", ["jobs", "--provider", "memory"], /No handlers: give --handlers/],
  ["no attempt at all", [...send, "{}", "--max-attempts", "0"], /--max-attempts.*whole number/],
];

describe.concurrent("bad input", () => {
  it.each(cases)("%s is one clear line, and exit code 2", async (_what, args, sentence) => {
    const { code, stdout, stderr } = await queueport(args).result;
    expect(stderr).toMatch(/^queueport: [^\n]+\n$/);
    expect(stderr).toMatch(sentence);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("a port in use starts nothing", async () => {
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
    ["\nenum Kind { A }", /not supported in strip-only mode \(x\.ts:2\)\. .*give the compiled module\.\n$/],
    [`import "./jobs.js";`, /Cannot find module .*jobs\.js.* the file is called jobs\.ts: import it so, or/],
    [`import "./jobs";`, /Cannot find module .*jobs'.* the file is called jobs\.ts: import it so, or/],
    [`import "./gone.ts";`, /Cannot find module '[^']+gone\.ts' imported from [^ ]+x\.ts\n$/],
    [`throw undefined;`, /x\.ts: undefined\n$/],
  ])("says what Node does not take in a module: %s", async (source, sentence) => {
    const folder = await mkdtemp(join(tmpdir(), "queueport-cmd-"));
    await writeFile(join(folder, "x.ts"), source);
    await writeFile(join(folder, "jobs.ts"), "");
    await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
    const { code, stderr } = await queueport([...base, "-H", "x.ts"], { cwd: folder }).result;
    await rm(folder, { recursive: true });
    expect(stderr).toMatch(sentence);
    expect(code).toBe(2);
  });

  it("an empty variable is none", async () => {
    const env = { QUEUEPORT_METRICS_PORT: "", QUEUEPORT_CONCURRENCY: "", QUEUEPORT_CONFIG: "" };
    const { code, stderr } = await queueport([...base, "-H", "none.ts"], { env }).result;
    expect(stderr).toMatch(/none\.ts registers no handlers/);
    expect(code).toBe(2);
  });

  it("shows the stack to somebody who debugs", async () => {
    const { stderr } = await queueport(["stats", "emails", "--provider", "kafka", "--verbose"]).result;
    expect(stderr).toMatch(/\n {4}at /);
  });
});
