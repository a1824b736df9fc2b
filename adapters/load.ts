import { QueueError } from "../src/errors.ts";

/**
 * Imports an adapter. If one of the packages that it needs is not installed, the error names the package and the
 * command that installs it. Any other failure is passed on unchanged.
 *
 * @param packages the packages that a user of this provider installs, with the version if it matters: `@scope/name@^3`
 */
export async function load<Module>(
  provider: string,
  packages: readonly string[],
  importAdapter: () => Promise<Module>,
): Promise<Module> {
  try {
    return await importAdapter();
  } catch (error) {
    const missing = packages.map(packageName).find((name) => isMissing(error, name));
    if (missing === undefined) throw error;
    throw new QueueError(
      "missing_dependency",
      `The provider "${provider}" needs the package ${missing}, which is not installed. Install it: npm install ${packages.join(" ")}`,
      { cause: error },
    );
  }
}

/** `@scope/name@^3` -> `@scope/name`. */
function packageName(wanted: string): string {
  const version = wanted.indexOf("@", 1);
  return version === -1 ? wanted : wanted.slice(0, version);
}

/**
 * Whether `error` says that the package `name` is not installed: "Cannot find package" in Node, "Cannot find module" in
 * a CommonJS bundle, "Could not resolve" in a bundle of Vite. If a file of the package is missing, its path stands there.
 */
function isMissing(error: unknown, name: string): boolean {
  const texts = [`package '${name}'`, `module '${name}'`, `resolve "${name}"`];
  return error instanceof Error && texts.some((text) => error.message.includes(text));
}
