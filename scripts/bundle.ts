import { copyFileSync, globSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";

/** Joins what TypeScript has compiled, in its place: a file for each entry, and what several of them share. */
const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const { exports, bin, dependencies, peerDependencies } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
) as {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: object;
  readonly peerDependencies: object;
};
const entries = [
  ...Object.values(exports).flatMap((target) => (typeof target === "object" ? [target.default] : [])),
  ...Object.values(bin),
].map((file) => file.replace(/^\.\/dist\/(.*)\.js$/, "$1"));
const installed = Object.keys({ ...dependencies, ...peerDependencies });

const bundle = await rolldown({
  cwd: dist,
  platform: "node",
  input: Object.fromEntries(entries.map((name) => [name, `./${name}.js`])),
  external: (id) => installed.some((name) => id === name || id.startsWith(`${name}/`)),
});
/** V8 keeps a file in which a single character lies beyond Latin-1 at two bytes a character, all of it. */
const inAscii: Plugin = {
  name: "in-ascii",
  renderChunk: (code) =>
    code.replaceAll(/[^\0-\u007f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
};
const compiled = globSync("**/*.js", { cwd: dist });
const { output } = await bundle.write({
  dir: dist,
  entryFileNames: "[name].js",
  chunkFileNames: "chunks/[name].js",
  // What runs can be read: names stay, and a comment names the file where its code begins.
  minify: false,
  minifyInternalExports: false,
  plugins: [inAscii],
  // Every sub-path needs most of the core, and a file costs more to load than what is in it.
  codeSplitting: {
    groups: [
      // With what it imports; so what is left for the second is what only consuming needs, which is loaded later.
      { name: "core", test: /[\\/]dist[\\/]src[\\/](?:index|driver[\\/]index)\.js$/, priority: 1 },
      { name: "receive", test: /[\\/]dist[\\/]src[\\/]client[\\/]receive-parts\.js$/ },
    ],
  },
});
await bundle.close();

const written = new Set(output.map(({ fileName }) => fileName));
for (const file of compiled) if (!written.has(file.replaceAll("\\", "/"))) rmSync(join(dist, file));
// What is no dependency is built in, and its licence goes with it.
copyFileSync(join(root, "node_modules/uuid/LICENSE.md"), join(dist, "chunks/LICENSE-uuid.md"));
