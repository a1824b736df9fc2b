import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lastingPort } from "../../support/port.ts";
import { document } from "../web/contract.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
const page = readFileSync(join(root, "docs/guide/rest.md"), "utf8");

/** Requests of the page, each with the answer that is printed after it, if one is. */
const requests = [...page.matchAll(/^```sh\n(curl [^]*?)^```(?:\n\n```json\n([^]*?)^```)?$/gm)].map(
  ([, command = "", answer]) => ({ command, answer }),
);

/** Files that the imports of the page lead to, as the package is not built here. */
const SOURCES: Readonly<Record<string, string>> = {
  queueport: "src/index.ts",
  "queueport/api": "web/api/index.ts",
  "queueport/jobs": "src/jobs/index.ts",
};

describe("docs/guide/rest.md", () => {
  const folder = mkdtempSync(join(tmpdir(), "queueport-rest-"));
  let server: ChildProcess;
  let url = "";

  beforeAll(async () => {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir");
    writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
    const [, code = ""] = /^```ts\n(\/\/ server\.ts\n[^]*?)^```$/m.exec(page) ?? [];
    const runnable = code.replaceAll(
      /from "(queueport[^"]*)"/g,
      (_, name: string) => `from "${root}${SOURCES[name]}"`,
    );
    writeFileSync(join(folder, "server.ts"), runnable);
    const port = String(await lastingPort());
    server = spawn(process.execPath, ["server.ts"], { cwd: folder, env: { ...process.env, PORT: port } });
    url = `http://localhost:${port}`;
    let printed = "";
    server.stderr?.on("data", (text: Buffer) => (printed += String(text)));
    for await (const text of server.stdout ?? []) {
      printed += String(text);
      if (printed.includes("The API is ready.")) return;
    }
    throw new Error(`the server of the page does not start: ${printed}`);
  });
  afterAll(() => {
    server.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });

  test("has its requests answered as printed", async () => {
    expect(requests.length).toBeGreaterThan(4);
    for (const { command, answer } of requests) {
      const { stdout } = await run("sh", [
        "-c",
        `${command.replaceAll("http://localhost:8080", url).trim()} -sS`,
      ]);
      const answered: unknown = JSON.parse(stdout);
      const printed: unknown = answer === undefined ? answered : JSON.parse(answer);
      expect(codeOf(answered)).toBe(answer === undefined ? undefined : codeOf(printed));
      expect(comparable(answered)).toEqual(comparable(printed));
    }
  });

  test("names every route with its role", () => {
    const paths = document["paths"] as Readonly<
      Record<string, Readonly<Record<string, { readonly "x-role": string }>>>
    >;
    const rows = page.match(/^\| `(?:GET|POST) .*$/gm) ?? [];
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { "x-role": role }] of Object.entries(methods)) {
        const row = rows.find(
          (one) => one.includes(`${method.toUpperCase()} ${path}\``) || isAbbreviated(one, path),
        );
        expect(row, `${method} ${path}`).toContain(`| ${role === "public" ? "anybody" : role} `);
      }
    }
  });

  test("has every code of a problem", () => {
    const source = readFileSync(join(root, "web/api/problem.ts"), "utf8");
    const codes = [...source.matchAll(/^ {2}\| "([a-z_]+)"$|^ {2}([a-z_]+): (?:\d|\[)/gm)].map(
      ([, one, other]) => one ?? other ?? "",
    );
    expect(codes.length).toBeGreaterThan(25);
    expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
  });

  test("has a program that ends on SIGTERM", async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });
});

/** The code of a problem; undefined for any other answer. */
function codeOf(answer: unknown): string | undefined {
  return (answer as { readonly code?: string }).code;
}

/** Whether a row lists the path after another one, by its end. */
function isAbbreviated(row: string, path: string): boolean {
  return row.includes(`\`${path}\``) || (path.endsWith("/groups") && row.includes("`…/groups`"));
}

/**
 * The members of an answer that are the same in each run. Times, durations and workers differ. A job that was just sent may
 * run already.
 */
function comparable(answer: unknown): object {
  const isNew =
    (answer as { readonly status: unknown }).status !== "completed" && "queue" in (answer as object);
  const differs = isNew ? /^(?!(?:id|type|queue|priority|max_\w+|created_at)$)/ : /_at$|_ms$|^worker_id$/;
  return Object.fromEntries(
    Object.entries(answer as object).flatMap(([name, value]: [string, unknown]) => {
      if (isNew && differs.test(name)) return [];
      return [[name, /_at$|_ms$|^worker_id$/.test(name) ? typeof value : value]];
    }),
  );
}
