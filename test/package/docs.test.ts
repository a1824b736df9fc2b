import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { withTable } from "../../scripts/capabilities-table.ts";
import { defaults } from "../../src/index.ts";
import { blocks } from "./pages.ts";
import { root } from "./support.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const readme = read("README.md");
const api = read("docs/api.md");

/** The part of a page between a heading and the next heading of its level. */
function section(text: string, heading: string): string {
  const start = text.indexOf(`\n${heading}\n`);
  expect(start, `the section ${heading}`).toBeGreaterThan(-1);
  const level = heading.split(" ")[0] ?? "";
  const end = text.indexOf(`\n${level} `, start + heading.length);
  return text.slice(start, end === -1 ? undefined : end);
}

/** The rows of the tables in a text, without their heads. */
function rows(text: string): string[][] {
  return [...text.matchAll(/^\|.*\|$/gm)]
    .map(([row]) => row.split("|").slice(1, -1))
    .filter(([first = ""], index, all) => !/^ -+ $/.test(first) && !/^ -+ $/.test(all[index + 1]?.[0] ?? ""))
    .map((cells) => cells.map((cell) => cell.trim()));
}

/** The names in code spans in the first column of a section's tables. */
function named(text: string, heading: string): Set<string> {
  const cells = rows(section(text, heading)).map(([first = ""]) => first);
  return new Set(cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)/g)].map(([, name = ""]) => name)));
}

const units = [
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1_000],
] as const;

function duration(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return `${ms / size} ${unit}`;
}

describe("docs/api.md", () => {
  test("has every default with its value", () => {
    const { backoff, ...others } = defaults;
    const all = [
      ...Object.entries(others),
      ...Object.entries(backoff).map(([name, value]) => [`backoff.${name}`, value] as const),
    ];
    const expected = all.map(([name, value]) => [
      `\`${name}\``,
      name.endsWith("Ms") ? duration(value as number) : String(value),
    ]);
    const given = rows(section(api, "## Defaults")).map(([name, value]) => [name, value]);
    expect(new Set(given)).toEqual(new Set(expected));
  });

  test("has every error code", () => {
    const union = /export type ErrorCode =([^;]+);/.exec(read("src/errors.ts"))?.[1] ?? "";
    const codes = union.match(/[a-z_]+/g) ?? [];
    expect(codes.length).toBeGreaterThan(20);
    expect(named(api, "## Errors")).toEqual(new Set(codes));
  });

  test("has every sub-path of the package", () => {
    const { exports } = JSON.parse(read("package.json")) as { readonly exports: object };
    const paths = Object.keys(exports).filter((path) => path !== "./package.json");
    const given = rows(section(api, "## Imports")).map(([first]) => first);
    expect(new Set(given)).toEqual(new Set(paths.map((path) => `\`queueport${path.slice(1)}\``)));
  });

  test("has every member of Queue", () => {
    const source = /export interface Queue extends[^{]+\{\n([^]*?)\n\}/.exec(read("src/queue/queue.ts"))?.[1];
    const members = [...(source ?? "").matchAll(/^ {2}(?:readonly )?(\w+)[<(:]/gm)].map(
      ([, name = ""]) => name,
    );
    expect(members.length).toBeGreaterThan(12);
    expect(named(api, "## Queue")).toEqual(new Set(members));
  });

  test("has every member of Worker", () => {
    const source = /export class Worker \{\n([^]*?)\n\}/.exec(read("src/worker/worker.ts"))?.[1] ?? "";
    const members = [...source.matchAll(/^ {2}(?:readonly |async |get )?([a-z]\w*)[<(:]/gm)]
      .map(([, name = ""]) => name)
      .filter((name) => name !== "constructor");
    expect(members.length).toBeGreaterThan(8);
    expect(named(api, "## Worker")).toEqual(new Set(members));
  });
});

test("docs/guide/work.md has every event", () => {
  const events = [...read("src/diagnostics.ts").matchAll(/readonly event: "([a-z_]+)"/g)];
  expect(events.length).toBeGreaterThan(10);
  const expected = ["error", ...events.map(([, event = ""]) => event)];
  expect(named(read("docs/guide/work.md"), "## Events")).toEqual(new Set(expected));
});

describe("the README", () => {
  test("has the table of what the conformance suite has shown", () => {
    const capabilities = JSON.parse(read("docs/capabilities.json")) as Parameters<typeof withTable>[1];
    expect(readme, "Run: npm run capabilities").toBe(withTable(readme, capabilities));
  });

  test("begins with figures of docs/performance.md", () => {
    const numbers = (text: string): string[] => text.replaceAll(",", "").match(/\d+(?:\.\d+)?/g) ?? [];
    const measured = numbers(read("docs/performance.md")).map(Number);
    const bullets = readme.slice(0, readme.indexOf("```")).match(/^- .*$/gm) ?? [];
    expect(bullets).toHaveLength(4);
    const shown = bullets.flatMap(numbers);
    expect(shown.length).toBeGreaterThan(5);
    const isMeasured = (number: string): boolean => {
      const decimals = number.split(".")[1]?.length ?? 0;
      return measured.some((one) => one.toFixed(decimals) === number);
    };
    expect(shown.filter((number) => !isMeasured(number))).toEqual([]);
  });

  test("links to every guide, and to every page of a provider", () => {
    const linked = globSync("docs/{guide,providers}/*.md", { cwd: root });
    expect(linked.length).toBeGreaterThan(10);
    expect(linked.filter((path) => !readme.includes(`](${path})`))).toEqual([]);
  });
});

test("docs/guide/deploy.md gives Kubernetes more time than a drain takes", () => {
  const text = read("docs/guide/deploy.md");
  const documents = blocks(text, "yaml").flatMap((block) => parseAllDocuments(block));
  expect(documents.flatMap(({ errors }) => errors)).toEqual([]);
  const [seconds] = /(?<=terminationGracePeriodSeconds: )\d+/.exec(text) ?? [];
  expect(Number(seconds) * 1_000).toBeGreaterThan(defaults.drainMs + defaults.graceMs + 5_000);
});

test("docs/guide/deploy.md starts the worker without npm, which does not forward a SIGTERM", () => {
  const [dockerfile = ""] = blocks(read("docs/guide/deploy.md"), "dockerfile");
  const started = ["ENTRYPOINT", "CMD"].flatMap((name) => {
    const [, list = "null"] = new RegExp(`^${name} (.*)$`, "m").exec(dockerfile) ?? [];
    return JSON.parse(list) as readonly string[];
  });
  expect(started).toEqual(["node_modules/.bin/queueport", "worker"]);
});

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
}

test("every link leads to a file, and to a heading in it", () => {
  const docs = globSync(["docs/*.md", "docs/{guide,providers}/*.md"], { cwd: root });
  const links = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", ...docs].flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:)([^)#]*)#?([^)]*)\)/g)].map(([, path = "", anchor = ""]) => ({
      page,
      file: path === "" ? page : join(dirname(page), path),
      anchor,
    })),
  );
  expect(links.length).toBeGreaterThan(100);
  const isBroken = ({ file, anchor }: (typeof links)[number]): boolean => {
    if (!existsSync(join(root, file))) return true;
    if (anchor === "") return false;
    const headings = [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => anchorOf(heading));
    return !headings.includes(anchor);
  };
  expect(links.filter(isBroken)).toEqual([]);
});
