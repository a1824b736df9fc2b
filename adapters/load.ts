import { QueueError } from "../src/errors.ts";

/**
 * Imports an adapter. Where one of the packages that it needs is not installed, the error names the package and the
 * command that installs it. Any other failure is passed on as it is.
 *
 * @param packages what a user of this provider installs, with the version if it matters: `@scope/name@^3`
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

/** Node says `Cannot find package '@scope/name' imported from ...`; a file that is missing inside it reads otherwise. */
function isMissing(error: unknown, name: string): boolean {
  return (
    error instanceof Error &&
    (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" &&
    error.message.includes(`package '${name}'`)
  );
}
