import { spawn } from "node:child_process";
import { globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { blocks, importsOf, type Page, packagesOf, pages, programsOf, readPage, writePage } from "./pages.ts";
import { application, compileStrictly, packedApplication, root, runNode } from "./support.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const [readme = readPage("README.md")] = pages;
const { scripts, bin } = JSON.parse(read("package.json")) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly bin: { readonly queueport: string };
};

const app = application(
  "zod",
  "prom-client",
  "rhea",
  "@azure/service-bus",
  "@types/node",
  // For the transactions on the page of PostgreSQL.
  "pg",
  "@types/pg",
  "postgres",
  "kysely",
  "knex",
  "drizzle-orm",
);
afterAll(() => app[Symbol.dispose]());
writeFileSync(join(app.path, "package.json"), `{ "type": "module" }`);
const folders = new Map(pages.map((one) => [one, writePage(one, app.path)]));
const folderOf = (one: Page): string => folders.get(one) ?? app.path;
/** The folder of the snippets that import Drizzle. Its declarations have errors of their own under the strictest options. */
const DRIZZLE = "drizzle";
// Pages whose snippets are compiled, and not run: each is on its own.
for (const path of ["docs/metrics.md", ...globSync("docs/providers/*.md", { cwd: root })]) {
  for (const [index, code] of blocks(read(path), "ts").entries()) {
    const folder = join(app.path, code.includes('from "drizzle-orm') ? DRIZZLE : "");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${basename(path, ".md")}-${index}.ts`), code);
  }
}
// The part of a client of Prisma that the snippet needs, since Prisma generates its client: the names and types are Prisma's.
mkdirSync(join(app.path, "generated/prisma"), { recursive: true });
writeFileSync(
  join(app.path, "generated/prisma/client.ts"),
  `export interface TransactionClient {
  readonly user: { create(args: { data: { email: string } }): PromiseLike<{ id: number; email: string }> };
  $queryRawUnsafe<T = unknown>(query: string, ...values: any[]): PromiseLike<T>;
}
export interface PrismaClient extends TransactionClient {
  $transaction<R>(fn: (tx: TransactionClient) => Promise<R>): Promise<R>;
}
`,
);

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a process that works until it is stopped, and stops it when `isEnough` returns true for its output. */
function runUntil(
  isEnough: (stdout: string) => boolean,
  args: readonly string[],
  { cwd, signal, env = {} }: { readonly cwd: string; readonly signal: NodeJS.Signals; readonly env?: object },
): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  let isStopped = false;
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
  });
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    // Once: a second signal would end it without a drain.
    if (isStopped || !isEnough(stdout)) return;
    isStopped = true;
    child.kill(signal);
  });
  const tooLate = setTimeout(() => child.kill("SIGKILL"), 120_000);
  return new Promise((resolve) => {
    child.on("close", (code, by) => {
      clearTimeout(tooLate);
      resolve({ code, signal: by, stdout, stderr });
    });
  });
}

/** The warning that Node prints on an experimental feature of its own, such as SQLite. */
const EXPERIMENTAL = /^\(node:\d+\) ExperimentalWarning: .*\n(?:\(Use `node --trace-warnings.*\n)?/gm;

test("the first program, copied into an empty folder, prints its line and works until Ctrl-C", async () => {
  using empty = packedApplication();
  const [program] = readme.snippets;
  writeFileSync(join(empty.path, "hello.mts"), program?.code ?? "");
  const options = { cwd: empty.path, signal: "SIGINT" } as const;
  const { signal, stdout, stderr } = await runUntil((text) => text.endsWith("\n"), ["hello.mts"], options);
  expect({ signal, stdout, stderr: stderr.replaceAll(EXPERIMENTAL, "") }).toEqual({
    signal: "SIGINT",
    stdout: "Hello, Ada!\n",
    stderr: "",
  });
  expect(readme.snippets).toHaveLength(1);
});

test("the tsconfig.json of the README compiles the first program, and a guide's", async () => {
  const folder = folderOf(readme);
  const emails = pages.find(({ path }) => path === "docs/guide/work.md")?.snippets[0];
  writeFileSync(join(folder, "emails.ts"), emails?.code ?? "");
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const { code, stdout } = await runNode([join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
});

test.each(pages)(
  "$path shows every file that a snippet imports, and installs every package",
  ({ snippets, commands }) => {
    const shown = new Set(snippets.map(({ file }) => file));
    expect(shown.size).toBe(snippets.length);
    expect(snippets.flatMap(importsOf).filter((file) => !shown.has(file))).toEqual([]);
    const installed = commands.filter((line) => line.startsWith("npm install ")).join(" ");
    const packages = snippets.flatMap(packagesOf);
    expect(packages.filter((name) => !installed.split(" ").includes(name))).toEqual([]);
  },
);

/** The guides' programs and tests. The program of the README has a test of its own. */
const runnable = pages.flatMap((one) =>
  one === readme
    ? []
    : programsOf(one).map((snippet) => ({ ...snippet, guide: one.path, cwd: folderOf(one) })),
);
const isTest = ({ file }: { readonly file: string }): boolean => file.endsWith(".test.ts");

/** Programs that work until they are stopped: the end of the output after which they get SIGTERM. */
const STOP_AFTER: Readonly<Record<string, string>> = {
  "docs/guide/deploy.md main.ts": "Hello, Ada!\n",
  "docs/guide/rest.md server.ts": "The API is ready.\n",
  "docs/guide/work.md emails.ts": "attempt 2\n",
};

test.concurrent.each(runnable.filter((one) => !isTest(one)))(
  "$guide: $file prints what the page says",
  async ({ guide, file, prints, cwd }) => {
    const stopAfter = STOP_AFTER[`${guide} ${file}`];
    const options = { cwd, signal: "SIGTERM", env: { PORT: "0" } } as const;
    const { code, stdout, stderr } =
      stopAfter === undefined
        ? await runNode([file], { cwd })
        : await runUntil((text) => text.endsWith(stopAfter), [file], options);
    const complaints = stderr.replaceAll(EXPERIMENTAL, "");
    expect({ code, stdout, complaints }).toEqual({ code: 0, stdout: prints, complaints: "" });
  },
);

test.concurrent.each(runnable.filter(isTest))("$guide: $file passes", async ({ file, cwd }) => {
  const { code, stdout } = await runNode(["--test", "--test-reporter=tap", file], { cwd });
  expect(stdout).toMatch(/^# pass [1-9]/m);
  expect(code).toBe(0);
});

test("every snippet compiles in an application that uses the strictest options", async () => {
  const { code, stdout } = await compileStrictly(app.path, { exclude: [DRIZZLE] });
  expect({ code, stdout }).toEqual({ code: 0, stdout: "" });
  const drizzle = await compileStrictly(join(app.path, DRIZZLE), { skipLibCheck: true });
  expect(drizzle).toEqual({ code: 0, stdout: "", stderr: "" });
});

const queueport = pages.flatMap((one) =>
  one.commands
    .filter((line) => line.startsWith("npx queueport "))
    .map((line) => ({ line, cwd: folderOf(one), args: line.split(" ").slice(2) })),
);

/** Commands that work until SIGTERM: the output after which they get it. */
const SERVING: Readonly<Record<string, RegExp>> = {
  worker: /\/health\/ready[^]*"welcomed"/,
  "service-bus-server": /^Endpoint=sb:\/\/127\.0\.0\.1:\d+;.*UseDevelopmentEmulator=true/m,
};

/** Whether a command works with the store of recorded jobs, which the first of these commands creates. */
const isRecorded = ({ line }: { readonly line: string }): boolean => line.includes(" --config recorded.yaml");

test("the commands of recorded jobs work as printed, one after the other", async () => {
  const endless = ["worker", "watch"];
  const recorded = queueport.filter(isRecorded);
  const ending = recorded.filter(({ args }) => !endless.some((name) => args.includes(name)));
  expect([recorded.length, ending.length]).toEqual([4, 2]);
  for (const { args, cwd } of ending) {
    const { code, stderr } = await runNode([join(root, bin.queueport), ...args], { cwd });
    expect({ args, code, stderr: stderr.replaceAll(EXPERIMENTAL, "") }).toEqual({
      args,
      code: 0,
      stderr: "",
    });
  }
});

test.concurrent.each(queueport.filter((one) => !isRecorded(one)))(
  "$line works as printed",
  async ({ args, cwd }) => {
    const [name = ""] = args;
    // Any free port, since the one on the page may be in use.
    const onFreePort = args.map((arg, index) => (args[index - 1] === "--metrics-port" ? "0" : arg));
    if (name === "service-bus-server") onFreePort.push("--port", "0");
    const argv = [join(root, bin.queueport), ...onFreePort];
    const last = SERVING[name];
    const options = { cwd, signal: "SIGTERM", env: { QUEUEPORT_METRICS_PORT: "0" } } as const;
    const { code, stderr } =
      last === undefined
        ? await runNode(argv, { cwd })
        : await runUntil((text) => last.test(text), argv, options);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  },
);

test("the commands of the README are scripts of this repository, and CI runs its tests", () => {
  expect(readme.commands).toEqual([
    "npm ci && npm run demo",
    "npm ci && npm test",
    "npm install queueport",
    "npm pkg set type=module",
    "npm install --save-dev typescript @types/node",
  ]);
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["demo", "test"]));
  expect(read(".ci/run")).toContain("npm ci && npm test");
});
