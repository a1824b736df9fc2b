import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { queueport } from "./run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const page = await readFile(join(root, "docs/cli.md"), "utf8");

/** The fenced blocks of a language. */
function blocks(language: string): string[] {
  const fences = page.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm"));
  return [...fences].map(([, code = ""]) => code);
}

const commands = blocks("sh").flatMap((block) => block.trim().split("\n"));

/** Output after which a command that runs until it is stopped gets a SIGTERM. */
const stopAfter: Readonly<Record<string, RegExp>> = {
  worker: /"worker started"/,
  pump: /pumping/,
  api: /\/api\/v1/,
  "service-bus-server": /Endpoint=/,
  "stats --watch": /emails/,
};

/** Splits a command line into arguments. Single quotes are the only quotes that the page uses. */
function argumentsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "").slice(1);
}

describe("the examples in docs/cli.md", () => {
  let cwd: string;

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), "queueport-docs-"));
    await symlink(join(root, "node_modules"), join(cwd, "node_modules"), "dir");
    await writeFile(join(cwd, "package.json"), `{ "type": "module" }`);
    await writeFile(join(cwd, "payload.json"), `{ "userId": "u1" }`);
    await writeFile(join(cwd, "users.ndjson"), `{ "userId": "u1" }\n{ "userId": "u2" }\n`);
    const jobs = { store: { sqlite: "jobs.db" }, migrate: true };
    await writeFile(join(cwd, "jobs.yaml"), JSON.stringify({ provider: "memory", jobs }));
    for (const code of blocks("ts")) {
      const [, name = ""] = /^\/\/ (\S+)\n/.exec(code) ?? [];
      // Imported from source, since the package is not built here. Port 0, since 9464 may be in use.
      const runnable = code
        .replaceAll(`from "queueport"`, `from "${root}src/index.ts"`)
        .replace("metricsPort: 9464", "metricsPort: 0");
      await writeFile(join(cwd, name), runnable);
    }
    const recorded = ["--type", "import", "--id", "import-42", "--delay", "1h", "--config", "jobs.yaml"];
    await queueport(["send", "imports", "{}", ...recorded], { cwd }).result;
  });
  afterAll(() => rm(cwd, { recursive: true }));

  it("start with queueport", () => {
    expect(commands.length).toBeGreaterThan(15);
    expect(commands.filter((line) => !line.startsWith("queueport "))).toEqual([]);
  });

  it.each(commands)("run as printed: %s", async (line) => {
    const args = argumentsOf(line);
    const [command = "", sub = ""] = args;
    const port = ["service-bus-server", "api"].includes(command) ? ["--port", "0"] : [];
    const running = queueport([...args, ...port], { cwd });
    const pattern = stopAfter[args.includes("--watch") ? `${command} --watch` : command];
    if (pattern !== undefined) {
      await running.printed(pattern);
      running.kill("SIGTERM");
    }
    // The memory provider has no dead letters, so `dlq show` finds none.
    const fails = command === "dlq" && sub === "show";
    const { code, stderr } = await running.result;
    expect({ code, stderr: fails ? "" : stderr }).toEqual({
      code: fails ? 1 : 0,
      stderr: fails ? "" : stderr,
    });
  });
});
