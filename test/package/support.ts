import { execFile, execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The repository. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
}

export const manifest: Manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

/** The exit code and the output of a process. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const run = promisify(execFile);

/** Runs a process on the Node of the project until it ends. Throws if that takes longer than `timeoutMs`. */
export async function runNode(
  args: readonly string[],
  {
    cwd = root,
    timeoutMs = 120_000,
    env = {},
  }: {
    readonly cwd?: string;
    readonly timeoutMs?: number;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Ran> {
  try {
    const options = { cwd, timeout: timeoutMs, env: { ...process.env, ...env } };
    const { stdout, stderr } = await run(process.execPath, args, options);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, killed, stdout = "", stderr = "" } = error as Partial<Ran> & { killed?: boolean };
    if (killed === true)
      throw new Error(`did not end within ${timeoutMs} ms: ${stdout}${stderr}`, { cause: error });
    return { code: typeof code === "number" ? code : 1, stdout, stderr };
  }
}

/** The folder of an application in which the built package is installed, and some others. */
export interface Application extends Disposable {
  readonly path: string;
}

/** An application with the repository as the package: every package of the repository can be found from there. */
export function application(...packages: readonly string[]): Application {
  const path = mkdtempSync(join(tmpdir(), "queueport-"));
  link(root, join(path, "node_modules/queueport"));
  return installed(path, packages);
}

/**
 * An application with what `npm install queueport` brings, from a packed tarball. Besides `packages`, no other package
 * can be found from there.
 */
export function packedApplication(...packages: readonly string[]): Application {
  const path = mkdtempSync(join(tmpdir(), "queueport-"));
  const folder = join(path, "node_modules/queueport");
  mkdirSync(folder, { recursive: true });
  const pack = ["pack", "--ignore-scripts", "--pack-destination", path];
  execFileSync("npm", pack, { cwd: root, stdio: "ignore" });
  const [tarball = ""] = globSync("*.tgz", { cwd: path });
  execFileSync("tar", ["-xzf", join(path, tarball), "-C", folder, "--strip-components=1"]);
  return installed(path, [...Object.keys(manifest.dependencies), ...packages]);
}

function installed(path: string, packages: readonly string[]): Application {
  for (const name of packages) link(join(root, "node_modules", name), join(path, "node_modules", name));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

function link(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(from, to, "dir");
}

/**
 * Compiles the TypeScript files of an application with the strictest options.
 *
 * @param options.skipLibCheck whether the declarations of packages are trusted, for a package whose own have errors
 * @param options.exclude folders that are left out
 */
export function compileStrictly(
  folder: string,
  {
    skipLibCheck = false,
    exclude = [],
  }: { readonly skipLibCheck?: boolean; readonly exclude?: readonly string[] } = {},
): Promise<Ran> {
  const compilerOptions = {
    target: "es2024",
    module: "nodenext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck,
  };
  const configuration = { compilerOptions, exclude: ["node_modules", ...exclude] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(configuration));
  return runNode([join(root, "node_modules/typescript/bin/tsc"), "-p", folder]);
}
