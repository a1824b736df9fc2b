/**
 * `npm run new-adapter <name> [label]` writes the files of a new adapter, its harness and its conformance test, and adds
 * it to the registry and to the package's exports. The files in `scripts/new-adapter/` are the template. They belong to
 * the sources, so the compiler, the linter and every renaming keep them up to date.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const TEMPLATE = "scripts/new-adapter";

/** The names of one adapter in the forms in which code uses them. */
interface Names {
  /** `redis-streams`: folder, sub-path and `provider`. */
  readonly name: string;
  /** `redisStreams`: the driver's function. */
  readonly camel: string;
  /** `RedisStreams`: types and classes. */
  readonly pascal: string;
  /** `REDIS_STREAMS`: environment variables. */
  readonly upper: string;
  /** `Redis Streams`: prose. */
  readonly label: string;
}

function namesOf(name: string, label: string | undefined): Names {
  const pascal = name.replaceAll(/(?:^|-)(\w)/g, (_, letter: string) => letter.toUpperCase());
  return {
    name,
    camel: pascal.charAt(0).toLowerCase() + pascal.slice(1),
    pascal,
    upper: name.toUpperCase().replaceAll("-", "_"),
    label:
      label ??
      name.replaceAll(/(?:^|-)(\w)/g, (all, letter: string) =>
        all.replace("-", " ").replace(letter, letter.toUpperCase()),
      ),
  };
}

/** The files of a new adapter by the files of the template. Paths are relative to the repository. */
function targets(root: string, { name }: Names): Map<string, string> {
  const files = readdirSync(join(root, TEMPLATE, "adapter"));
  return new Map([
    ...files.map((file) => [`${TEMPLATE}/adapter/${file}`, `adapters/${name}/${file}`] as const),
    [`${TEMPLATE}/harness.ts`, `test/conformance/harness/${name}.ts`],
    [`${TEMPLATE}/page.md`, `docs/providers/${name}.md`],
  ]);
}

/** One file of the template with the names of the adapter, and with imports relative to its new place. */
function filled(
  source: string,
  from: string,
  to: string,
  files: ReadonlyMap<string, string>,
  names: Names,
): string {
  const moved = source.replaceAll(/(from |import\()"(\.[^"]+)"/g, (_, before: string, specifier: string) => {
    const target = normalize(join(dirname(from), specifier));
    const path = relative(dirname(to), files.get(target) ?? target);
    return `${before}"${path.startsWith(".") ? path : `./${path}`}"`;
  });
  return moved
    .replaceAll("TEMPLATE", names.upper)
    .replaceAll(/(?<=["/])template(?=[."/])/g, names.name)
    .replaceAll(/\bTemplate\b/g, names.label)
    .replaceAll("Template", names.pascal)
    .replaceAll("template", names.camel);
}

/** Inserts `text` before the first match of `before` at or after the match of `after`. */
function inserted(source: string, after: RegExp, before: RegExp, text: string): string {
  const start = after.exec(source);
  if (start === null) throw new Error(`${after} was not found.`);
  const from = start.index + start[0].length;
  const at = from + source.slice(from).search(before);
  if (at < from) throw new Error(`${before} was not found after ${after}.`);
  return source.slice(0, at) + text + source.slice(at);
}

/** The registry with a row, the import of the configuration, and a member of `QueueConfig` for the adapter. */
function withRow(registry: string, { name, camel, pascal, label }: Names): string {
  const key = name === camel ? name : JSON.stringify(name);
  const row = `  ${key}: row({
    label: ${JSON.stringify(label)},
    page: "docs/providers/${name}.md",
    // TODO: The packages that a user installs; peers in package.json, with their rows in docs/dependencies.md.
    packages: [],
    schema: ${camel}Schema,
    adapter: () => import("./${name}/index.ts"),
    open: ({ ${camel} }, config, clock) => ${camel}({ ...config, clock }),
  }),
`;
  const imported = `import { type ${pascal}Config, ${camel}Schema } from "./${name}/config.ts";\n`;
  const later = [...registry.matchAll(/^import .* from "\.\/([\w-]+)\/config\.ts";\n/gm)].find(
    ([, other = ""]) => other > name,
  );
  const withImport = registry.replace(later?.[0] ?? /(?<=\n)(?=\n\/\*\*)/, (next) => imported + next);
  const withMember = inserted(withImport, /export type QueueConfig =/, /;/, ` | ${pascal}Config`);
  return inserted(withMember, /export const providers[^=]*= \{\n/, /^\};/m, row);
}

/** The harnesses with the one of the adapter. */
function withHarness(harnesses: string, { name, camel }: Names): string {
  const key = name === camel ? name : JSON.stringify(name);
  const line = `  ${key}: async () => (await import("./${name}.ts")).${camel}Harness(),\n`;
  return inserted(
    harnesses,
    /export const harnesses[^=]*= \{\n|export const harnesses.*?=> Promise<\w+>>> = \{\n/,
    /^\};/m,
    line,
  );
}

/** package.json with the sub-path of the adapter, after that of the local server. */
function withExport(manifest: string, { name }: Names): string {
  const target = `./dist/adapters/${name}/index`;
  const entry = `"./${name}": {\n      "types": "${target}.d.ts",\n      "default": "${target}.js"\n    },\n    `;
  return inserted(manifest, /"exports": \{[^]*?"\.\/service-bus-server": \{/, /"\.\/package\.json"/, entry);
}

/**
 * Writes a new adapter into the repository at `root`. Returns the files that it has written or changed.
 *
 * @throws Error if the name is not valid, or if there is such an adapter
 */
export function newAdapter(root: string, name: string, label?: string): string[] {
  if (!NAME.test(name)) throw new Error(`"${name}" is not a name such as "redis" or "redis-streams".`);
  if (existsSync(join(root, "adapters", name))) throw new Error(`adapters/${name} exists already.`);
  const names = namesOf(name, label);
  const files = targets(root, names);
  const read = (path: string): string => readFileSync(join(root, path), "utf8");
  const written: string[] = [];
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    written.push(path);
  };
  for (const [from, to] of files) write(to, filled(read(from), from, to, files, names));
  write(
    `test/conformance/${name}.test.ts`,
    `import { testConformance } from "./support.ts";\n\ntestConformance(${JSON.stringify(name)});\n`,
  );
  write("adapters/registry.ts", withRow(read("adapters/registry.ts"), names));
  const harnesses = "test/conformance/harness/index.ts";
  write(harnesses, withHarness(read(harnesses), names));
  write("package.json", withExport(read("package.json"), names));
  return written;
}

if (import.meta.main) {
  const [name = "", label] = process.argv.slice(2);
  const root = fileURLToPath(new URL("..", import.meta.url));
  try {
    const written = newAdapter(root, name, label);
    process.stdout.write(`${written.join("\n")}\n
Next: write the address of a server into test/conformance/harness/${name}.ts, and replace the client in
adapters/${name}/clients.ts. Then work through the TODOs. docs/writing-an-adapter.md has the steps.
Format with: npm run format. Test with: npm run test:conformance -- ${name}\n`);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: npm run new-adapter <name> [label]\n`);
    process.exitCode = 2;
  }
}
