import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type OutputChunk, type Plugin, type PreRenderedChunk, rolldown } from "rolldown";
import { pruneDeclarations } from "./declarations.ts";
import { loadPeersLazily } from "./lazy-peers.ts";
import { packageOf, thirdPartyPage } from "./third-party.ts";
import { LEFT_OUT, withoutRequire, withoutUnused } from "./built-in.ts";

/**
 * Bundles the compiled files in `dist/` in place: one file per entry, and chunks for the modules that several entries
 * share. Packages that users do not install are built in. Writes `THIRD-PARTY.md` with the licences of these packages.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
const { exports, bin, dependencies, peerDependencies } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: object;
  readonly peerDependencies: object;
};
const subPaths = Object.values(exports).filter((target) => typeof target === "object");
const entries = [...subPaths.map((target) => target.default), ...Object.values(bin)].map((file) =>
  file.replace(/^\.\/dist\/(.*)\.js$/, "$1"),
);
/** The command line has a prom-client of its own. `queueport/metrics` loads the user's, without an import. */
const BUILT_IN_PEERS: ReadonlySet<string> = new Set(["prom-client"]);
const installed = Object.keys({ ...dependencies, ...peerDependencies }).filter(
  (name) => !BUILT_IN_PEERS.has(name),
);

/** V8 stores a whole file at two bytes per character if a single character is beyond Latin-1. */
const inAscii: Plugin = {
  name: "in-ascii",
  renderChunk: (code) =>
    code.replaceAll(/[^\0-\u007f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
};

/** A chunk that holds packages only is named after the package that it begins with. */
function chunkName({ facadeModuleId, moduleIds }: PreRenderedChunk): string {
  const packages = moduleIds.map(packageOf);
  const [first] =
    facadeModuleId === null || facadeModuleId === undefined ? packages : [packageOf(facadeModuleId)];
  const isForeign = first !== undefined && !packages.includes(undefined);
  return `chunks/${isForeign ? first.name.replace("@", "").replace("/", "-") : "[name]"}.js`;
}

const bundle = await rolldown({
  cwd: dist,
  platform: "node",
  input: Object.fromEntries(entries.map((name) => [name, `./${name}.js`])),
  external: (id) => installed.some((name) => id === name || id.startsWith(`${name}/`)),
  resolve: { alias: LEFT_OUT },
  plugins: [withoutUnused(), withoutRequire],
});
const { output } = await bundle.generate({
  entryFileNames: "[name].js",
  chunkFileNames: chunkName,
  // Readable at run time: names are kept, and a comment names the source file where its code begins.
  minify: false,
  minifyInternalExports: false,
  plugins: [inAscii],
  // Every sub-path needs most of the core, and loading a file costs more than what is in the file.
  codeSplitting: {
    groups: [
      // The limits of providers are in it, since memory emulates providers and would load a file for each.
      // Includes the imports of these files. So the second group holds only what receiving needs, loaded later.
      // `src/index.js` is no part of the group: it has `openQueue`, whose `import()` reaches every adapter. If an
      // application does not use `openQueue`, webpack and Vite drop that file, and with it the adapters.
      {
        name: "core",
        test: /[\\/]dist[\\/](?:src[\\/](?:client[\\/]create-queue|worker[\\/]worker|driver[\\/]index)|adapters[\\/][^\\/]+[\\/]limits)\.js$/,
        priority: 1,
      },
      { name: "receive", test: /[\\/]dist[\\/]src[\\/]client[\\/]receive-parts\.js$/ },
    ],
  },
});
await bundle.close();

const chunks = output.filter((file): file is OutputChunk => file.type === "chunk");
for (const file of globSync("**/*.js", { cwd: dist })) rmSync(join(dist, file));
for (const [file, code] of loadPeersLazily(chunks, installed)) {
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  writeFileSync(join(dist, file), code);
}
pruneDeclarations(
  dist,
  subPaths.map((target) => join(root, target.types)),
);
const modules = chunks.flatMap(({ moduleIds }) => moduleIds);
writeFileSync(join(root, "THIRD-PARTY.md"), thirdPartyPage(modules));
