import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { registerHandlers } from "../../../cmd/lib/handlers-file.ts";
import type { Worker } from "../../../src/worker/worker.ts";

describe("registerHandlers", () => {
  let folder: string;
  let files = 0;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "queueport-handlers-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Registers a module with this source; returns its types and hooks. */
  async function register(source: string): Promise<{ types: string[]; hooks: object }> {
    files += 1;
    const file = join(folder, `jobs-${files}.mjs`);
    await writeFile(file, source);
    const registered: { type: string; options: unknown }[] = [];
    const worker = {
      registered,
      register: (job: string | { type: string }, _handler: unknown, options: unknown) =>
        registered.push(
          typeof job === "string" ? { type: job, options } : { type: `defined ${job.type}`, options },
        ),
    };
    const hooks = await registerHandlers(file, worker as unknown as Worker);
    return { types: registered.map(({ type }) => type), hooks };
  }

  const handler = "handler: async () => {}";

  it.each([
    [
      "named exports",
      `export const a = { type: "a", ${handler} }; export const b = { type: "b", ${handler} };`,
    ],
    ["an array", `export default [{ type: "a", ${handler} }, { type: "b", ${handler} }];`],
    [
      "a function register",
      `export function register(worker) { worker.register("a"); worker.register("b"); }`,
    ],
    [
      "a default function",
      `export default async (worker) => { worker.register("a"); worker.register("b"); };`,
    ],
    [
      "jobs next to other exports",
      `export const a = { type: "a", ${handler} }; export const x = { type: "x" };
      export const c = 5; export function help() {} export function register(worker) { worker.register("b"); }`,
    ],
    [
      "a job that is exported twice",
      `export const a = { type: "a", ${handler} }; export default [a, { type: "b", ${handler} }];`,
    ],
  ])("registers %s", async (_what, source) => {
    expect((await register(source)).types).toEqual(["a", "b"]);
  });

  it("registers a job that has a schema as a job definition", async () => {
    const { types } = await register(`export const a = { type: "a", schema: {}, ${handler} };`);
    expect(types).toEqual(["defined a"]);
  });

  it("refuses a hook whose name has another case, since it would never be called", async () => {
    const source = `export const a = { type: "a", ${handler} }; export function onstart() {}`;
    await expect(register(source)).rejects.toMatchObject({
      code: "config",
      message: expect.stringMatching(/the export onstart is never called; did you mean onStart\?$/),
    });
  });

  it("returns the hooks of the module", async () => {
    const { hooks } = await register(
      `export const a = { type: "a", ${handler} }; export const onStart = () => {}; export const onStop = () => {};`,
    );
    expect(hooks).toEqual({ onStart: expect.any(Function), onStop: expect.any(Function) });
  });

  it.each([
    [`export const a = 5;`, "registers no handlers"],
    [
      `export const a = { type: "a", handler: 5 };`,
      "the export a needs a type, which is a string, and a handler",
    ],
    [`export const a = { type: "a", ${handler} }; export const onStart = 5;`, "onStart must be a function"],
    [
      `export function register() { throw new Error("no db"); }`,
      "its function register failed: Error: no db",
    ],
    [`export const a = { type: "a", timeout: 5, ${handler} };`, 'did you mean "timeoutMs"?'],
    [`export const a = { type: "a", maxAttempts: 5, ${handler} };`, "it is part of the message"],
    [`export const a = {`, "Could not load the handlers module"],
    [`import "no-such-package";`, "no-such-package"],
  ])("refuses a module with the source %s", async (source, sentence) => {
    await expect(register(source)).rejects.toThrow(sentence);
  });
});
