import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { root } from "./support.ts";

const read = (file: string): string => readFileSync(join(root, file), "utf8");
const contributing = read("CONTRIBUTING.md");
const decisions = globSync("docs/decisions/[0-9]*.md", { cwd: root }).toSorted();

/** The files and folders of the repository that a page names in backticks. */
function pathsIn(page: string): string[] {
  const path = /`((?:src|adapters|cmd|test|docs|examples|bench|servers|scripts|\.ci)\/[^`<> ]*)`/g;
  return [...read(page).matchAll(path)].map(([, name = ""]) => name);
}

describe.each(["CONTRIBUTING.md", "SECURITY.md", "examples/README.md", ...decisions])("%s", (page) => {
  test("names files and folders that exist", () => {
    expect(pathsIn(page).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("links to files that exist", () => {
    const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(([, path = ""]) =>
      join(root, dirname(page), path),
    );
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
  });
});

describe("CONTRIBUTING.md", () => {
  test("names npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { readonly scripts: object };
    const named = [...contributing.matchAll(/npm run ([a-z:-]+)/g)].map(([, name = ""]) => name);
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  test("names every folder of the core", () => {
    const folders = globSync("src/*/", { cwd: root }).map((folder) => `${folder.replace(/\/$/, "")}/`);
    expect(folders.length).toBeGreaterThan(5);
    expect(folders.filter((folder) => !contributing.includes(`\`${folder}\``))).toEqual([]);
  });
});

describe("docs/decisions", () => {
  test("are numbered without a gap", () => {
    const numbers = decisions.map((file) => Number(/(\d{4})-[a-z-]+\.md$/.exec(file)?.[1]));
    expect(numbers).toEqual(decisions.map((_, index) => index + 1));
  });

  test.each(decisions)("%s has a title with its number, three sections, and at most half a page", (file) => {
    const page = read(file);
    const number = /(\d{4})-/.exec(file)?.[1];
    expect(page).toMatch(new RegExp(`^# ${number}: [A-Z]`));
    expect([...page.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      "Context",
      "Decision",
      "Consequences",
    ]);
    expect(page.split(/\s+/).length).toBeLessThan(320);
  });

  test("are listed in docs/decisions/README.md with their titles", () => {
    const rows = [
      ...read("docs/decisions/README.md").matchAll(/^\| \[(\d{4})\]\(([^)]+)\) +\| (.+?) +\|$/gm),
    ];
    const listed = rows.map(([, number, file, title]) => [`docs/decisions/${file}`, `# ${number}: ${title}`]);
    expect(listed).toEqual(decisions.map((file) => [file, read(file).split("\n")[0]]));
  });
});

describe(".github", () => {
  interface Step {
    readonly run?: string;
  }
  interface Workflow {
    readonly jobs: {
      readonly test: {
        readonly strategy: { readonly matrix: { readonly node: readonly number[] } };
        readonly steps: readonly Step[];
      };
    };
  }

  test("the workflow runs .ci/run on Node 22 and 24, and tests that exist", () => {
    const { jobs } = parse(read(".github/workflows/ci.yml")) as Workflow;
    expect(jobs.test.strategy.matrix.node).toEqual([22, 24]);
    const commands = jobs.test.steps.flatMap(({ run = [] }) => run);
    expect(commands).toContain(".ci/run");
    const files = commands.flatMap((command) => command.match(/\S+\/\S+\.(?:ts|mjs)/g) ?? []);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test.each(["bug", "feature", "provider"])(
    "the issue form %s has what GitHub requires of a form",
    (name) => {
      const form = parse(read(`.github/ISSUE_TEMPLATE/${name}.yml`)) as {
        readonly name: string;
        readonly description: string;
        readonly body: readonly {
          readonly type: string;
          readonly id?: string;
          readonly attributes: { readonly label?: string; readonly value?: string };
        }[];
      };
      expect(form.name).not.toBe("");
      expect(form.description).not.toBe("");
      const fields = form.body.filter(({ type }) => type !== "markdown");
      expect(fields.length).toBeGreaterThan(0);
      expect(new Set(fields.map(({ id }) => id)).size).toBe(fields.length);
      for (const { type, id, attributes } of fields) {
        expect(["input", "textarea", "dropdown", "checkboxes"]).toContain(type);
        expect(id).toMatch(/^[a-z]+$/);
        expect(attributes.label).toBeTypeOf("string");
      }
    },
  );
});
