import { spawn } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { withTable } from "../../scripts/capabilities-table.ts";
import { defaults } from "../../src/index.ts";
import { application, root, runNode } from "./support.ts";

const readme = readFileSync(join(root, "README.md"), "utf8");
/** Pages whose snippets each stand by themselves. */
const pages = ["docs/api.md", "docs/cli.md", "docs/metrics.md", "docs/providers/service-bus.md"];
const api = readFileSync(join(root, "docs/api.md"), "utf8");

/** The fenced blocks of a language, in their order. */
function blocks(language: string, page: string = readme): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(
    ([, code = ""]) => code,
  );
}

/** Every snippet names its file in its first line; together they are one application. */
const snippets = new Map(blocks("ts").map((code) => [/^\/\/ (\S+\.ts)\n/.exec(code)?.[1], code]));
const [configuration = ""] = blocks("json");
const commands = blocks("sh").map((code) => code.trim());

/** The arguments of the README's command line for `queueport <name>`, the name included. */
function argumentsOf(name: string): string[] {
  const command = commands.find((one) => one.startsWith(`npx queueport ${name} `));
  return (command ?? "").split(" ").slice(2);
}

const app = application("zod", "@types/node", "@azure/service-bus", "rhea");
afterAll(() => app[Symbol.dispose]());

for (const [file, code] of snippets) writeFileSync(join(app.path, file ?? "unnamed.ts"), code);
for (const [number, page] of pages.entries()) {
  for (const [index, code] of blocks("ts", readFileSync(join(root, page), "utf8")).entries())
    writeFileSync(join(app.path, `page-${number}-${index}.ts`), code);
}
writeFileSync(join(app.path, "package.json"), `{ "type": "module" }`);
writeFileSync(join(app.path, "queue.json"), configuration);
/** What the snippets leave to the reader: something that sends mails. */
writeFileSync(
  join(app.path, "mail.ts"),
  `export async function mail(to: string, text: string, signal?: AbortSignal): Promise<number> {
  signal?.throwIfAborted();
  console.log(\`\${to}: \${text}\`);
  return 250;
}
`,
);

/** Runs a process that is there to stay, and ends it with SIGTERM once it has said `line`. */
function runUntil(line: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: app.path, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const read = (chunk: string): void => {
    const before = output.includes(line);
    output += chunk;
    // Once: a second signal exits at once.
    if (!before && output.includes(line)) child.kill("SIGTERM");
  };
  child.stdout.setEncoding("utf8").on("data", read);
  child.stderr.setEncoding("utf8").on("data", read);
  const tooLate = setTimeout(() => child.kill("SIGKILL"), 120_000);
  return new Promise((resolve) => {
    child.on("close", (code) => {
      clearTimeout(tooLate);
      resolve({ code, output });
    });
  });
}

describe("the snippets", () => {
  test("each has a name, and a test here that runs it or a snippet that imports it", () => {
    expect(new Set(snippets.keys())).toEqual(
      new Set([
        "azure.ts",
        "configured.ts",
        "dead-letters.ts",
        "emails.test.ts",
        "handlers.ts",
        "jobs.ts",
        "main.ts",
        "metrics.ts",
        "service.ts",
        "worker.ts",
      ]),
    );
  });

  test("compile, with those of the pages, in an application that is as strict as can be", async () => {
    writeFileSync(
      join(app.path, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "es2024",
          module: "nodenext",
          types: ["node"],
          strict: true,
          exactOptionalPropertyTypes: true,
          noUncheckedIndexedAccess: true,
          erasableSyntaxOnly: true,
          verbatimModuleSyntax: true,
          allowImportingTsExtensions: true,
          noEmit: true,
        },
      }),
    );
    const { code, stdout } = await runNode([join(root, "node_modules/typescript/bin/tsc"), "-p", app.path]);
    expect(stdout).toBe("");
    expect(code).toBe(0);
  });

  test("a service and a worker in one process, which drains on SIGTERM", async () => {
    const { code, output } = await runUntil("Welcome, Ada!", ["main.ts"]);
    expect(output).toBe("ada@example.com: Welcome, Ada!\n");
    expect(code).toBe(0);
  });

  test("a test", async () => {
    const { code, stdout } = await runNode(["--test", "--test-reporter=tap", "emails.test.ts"], {
      cwd: app.path,
    });
    expect(stdout).toContain("# pass 1");
    expect(code).toBe(0);
  });

  test.each([
    ["dead-letters.ts", ""],
    ["metrics.ts", 'jobs_queued_total{type="send_welcome_email",queue="emails"} 1'],
    ["configured.ts", "messages: 0"],
    ["azure.ts", "Welcome, Ada!\n1\n"],
  ])("%s", async (file, says) => {
    const { code, stdout, stderr } = await runNode([file], { cwd: app.path });
    expect(stderr).toBe("");
    expect(stdout).toContain(says);
    expect(code).toBe(0);
  });
});

describe("the commands", () => {
  const { scripts, bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>;
    readonly bin: { readonly queueport: string };
  };

  test("are these", () => {
    expect(commands).toEqual([
      "npm ci && npm run demo",
      "npm ci && npm test",
      "npm install queueport zod",
      expect.stringMatching(/^npx queueport worker /),
      expect.stringMatching(/^npx queueport service-bus-server /),
    ]);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["demo", "test"]));
  });

  test("the test command is what CI runs", () => {
    expect(readFileSync(join(root, ".ci/run"), "utf8").trimEnd().split("\n").at(-1)).toBe(
      "npm ci && npm test",
    );
  });

  test("the standalone worker runs the handlers, serves its health, and drains on SIGTERM", async () => {
    const args = argumentsOf("worker");
    // Any free port, since the one in the text may be taken.
    const onFreePort = args.map((arg, index) => (args[index - 1] === "--metrics-port" ? "0" : arg));
    const { code, output } = await runUntil("Welcome, Ada!", [join(root, bin.queueport), ...onFreePort]);
    expect(output).toContain("ada@example.com: Welcome, Ada!");
    expect(output).toContain("/health/ready");
    expect(code).toBe(0);
  });
});

test("the local Service Bus prints its connection string, and ends on SIGTERM", async () => {
  const { bin } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    readonly bin: { readonly queueport: string };
  };
  const args = [...argumentsOf("service-bus-server"), "--port", "0"];
  const { code, output } = await runUntil("UseDevelopmentEmulator=true", [
    join(root, bin.queueport),
    ...args,
  ]);
  expect(output).toMatch(/^Endpoint=sb:\/\/127\.0\.0\.1:\d+;/m);
  expect(code).toBe(0);
});

/** The rows of the table that follows `heading`, without its head. */
function table(heading: string): string[][] {
  const text = readme.slice(readme.indexOf(heading));
  const rows = text.slice(text.indexOf("\n|")).match(/^\|.*\|$(?:\n^\|.*\|$)*/m)?.[0] ?? "";
  return rows
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const units = [
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

function duration(ms: number): string {
  if (ms === Number.POSITIVE_INFINITY) return "any";
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return ms === 0 ? "none" : `${ms / size} ${unit}`;
}

describe("the tables", () => {
  test("name every default", () => {
    const { backoff, ...others } = defaults;
    const all = [
      ...Object.entries(others),
      ...Object.entries(backoff).map(([name, value]) => [`backoff.${name}`, value] as const),
    ];
    const expected = all.map(([name, value]) => [
      `\`${name}\``,
      name.endsWith("Ms") ? duration(value as number) : String(value),
    ]);
    const given = table("## Defaults").map(([name, value]) => [name, value]);
    expect(new Set(given)).toEqual(new Set(expected));
  });

  test("show of each provider what the conformance suite has shown", () => {
    const file = readFileSync(join(root, "docs/capabilities.json"), "utf8");
    const capabilities = JSON.parse(file) as Parameters<typeof withTable>[1];
    expect(readme, "Run: npm run capabilities").toBe(withTable(readme, capabilities));
  });
});

describe("docs/api.md", () => {
  /** What stands in the first column of its tables. */
  const named = new Set(
    [...api.matchAll(/^\| (`.*?`) +\|/gm)].flatMap(([, cell = ""]) => cell.match(/[a-z_]+/gi) ?? []),
  );

  test("has every code of an error", () => {
    const source = readFileSync(join(root, "src/errors.ts"), "utf8");
    const union = /export type ErrorCode =([^;]+);/.exec(source)?.[1] ?? "";
    const codes = union.match(/[a-z_]+/g) ?? [];
    expect(codes.length).toBeGreaterThan(20);
    expect(codes.filter((code) => !named.has(code))).toEqual([]);
  });

  test("has every event", () => {
    const source = readFileSync(join(root, "src/diagnostics.ts"), "utf8");
    const events = [...source.matchAll(/readonly event: "([a-z_]+)"/g)].map(([, event = ""]) => event);
    expect(events.length).toBeGreaterThan(10);
    expect(events.filter((event) => !named.has(event))).toEqual([]);
  });
});

test("every link to a file leads somewhere", () => {
  const docs = globSync("docs/**/*.md", { cwd: root });
  const links = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...docs].flatMap((page) =>
    [...readFileSync(join(root, page), "utf8").matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
      ([, path = ""]) => join(root, dirname(page), path),
    ),
  );
  expect(links.length).toBeGreaterThan(20);
  expect(links.filter((path) => !existsSync(path))).toEqual([]);
});
