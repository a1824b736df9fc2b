import { dirname, join } from "node:path";
import { build as esbuild } from "esbuild";
import { build as vite, createLogger } from "vite";
import webpack from "webpack";

/** The result of a bundler: the file to run, and the warnings that a user reads. */
export interface Bundled {
  readonly file: string;
  readonly warnings: readonly string[];
}

/** Bundles the program `entry` into the folder `out`. Throws if the bundler reports an error. */
type Bundle = (entry: string, out: string) => Promise<Bundled>;

/** Each bundler with the options that an application for Node sets. No option concerns queueport or a missing SDK. */
export const bundlers: Readonly<Record<string, Bundle>> = {
  "esbuild (CommonJS)": async (entry, out) => {
    const file = join(out, "main.cjs");
    return { file, warnings: await runEsbuild({ entryPoints: [entry], outfile: file, format: "cjs" }) };
  },

  "esbuild (ESM)": async (entry, out) => {
    const file = join(out, "main.mjs");
    // AWS's packages are CommonJS by their "main" field. They require Node's modules, which an ES module cannot.
    const mainFields = ["module", "main"];
    return {
      file,
      warnings: await runEsbuild({ entryPoints: [entry], outfile: file, format: "esm", mainFields }),
    };
  },

  "webpack (CommonJS)": async (entry, out) => ({
    file: join(out, "main.cjs"),
    warnings: await runWebpack({ entry, output: { path: out, filename: "main.cjs" } }),
  }),

  "webpack (ESM)": async (entry, out) => ({
    file: join(out, "main.mjs"),
    warnings: await runWebpack({
      entry,
      experiments: { outputModule: true },
      output: { path: out, filename: "main.mjs", chunkFilename: "[id].mjs", module: true },
    }),
  }),

  "Vite (SSR)": async (entry, out) => {
    const warnings: string[] = [];
    const note = (message: string): void => void warnings.push(message);
    await vite({
      root: dirname(entry),
      configFile: false,
      customLogger: { ...createLogger("silent"), warn: note, warnOnce: note },
      build: {
        ssr: entry,
        outDir: out,
        emptyOutDir: true,
        rolldownOptions: { output: { entryFileNames: "main.mjs" } },
      },
      ssr: { noExternal: true },
    });
    return { file: join(out, "main.mjs"), warnings };
  },
};

/** Runs esbuild for Node with the usual options. Returns the warnings. */
export async function runEsbuild(options: Parameters<typeof esbuild>[0]): Promise<string[]> {
  const { warnings } = await esbuild({
    bundle: true,
    minify: true,
    platform: "node",
    logLevel: "silent",
    ...options,
  });
  return warnings.map(({ text }) => text);
}

function runWebpack(configuration: webpack.Configuration): Promise<string[]> {
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const options: webpack.Configuration = {
    mode: "production",
    target: "node22",
    // Minifying takes most of webpack's time.
    optimization: { minimize: false },
    ...configuration,
  };
  webpack(options, (error, stats) => {
    const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
    if (error !== null || errors.length > 0)
      reject(error ?? new Error(errors.map(({ message }) => message).join("\n")));
    else resolve(warnings.map(({ message }) => message));
  });
  return promise;
}
