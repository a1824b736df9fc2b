import { QueueError } from "../src/errors.ts";

/**
 * Imports an adapter. A failure other than a missing package is passed on unchanged.
 *
 * @param packages the packages that users of this provider install, with the version if it matters: `@scope/name@^3`
 * @throws QueueError `missing_dependency` if one of the packages is not installed
 */
export async function load<Module>(
  provider: string,
  packages: readonly string[],
  importAdapter: () => Promise<Module>,
): Promise<Module> {
  try {
    return await importAdapter();
  } catch (error) {
    const specifier = specifierNotFound(error);
    const missing = packages.map(packageName).find((name) => name === specifier);
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

/** Each loader has its own words. All of them name the specifier that was not found first, and the importer after it. */
const NOT_FOUND: readonly RegExp[] = [
  // Node, Bun, Deno, jest, webpack; the first one with `import`, the second one with `require`.
  /\b(?:Cannot|Could not) find (?:package|module) (['"])(?<specifier>.+?)\1/,
  // Deno, for a file of the application.
  /^Import "(?<specifier>.+?)" not a dependency/,
  // Vite, in a bundle and in development.
  /^Could not resolve "(?<specifier>.+?)"/,
  /^Failed to (?:resolve import "|load url )(?<specifier>[^"\s]+)/,
  // Yarn Plug'n'Play.
  /tried to access (?<specifier>[^\s,]+)/,
  // CommonJS in a bundle of format ESM, by esbuild, Rolldown and Rollup. The bundler left the package out.
  /^Dynamic require of "(?<specifier>.+?)" is not supported/,
  /^Calling `require` for "(?<specifier>.+?)"/,
  /^Could not dynamically require "(?<specifier>.+?)"/,
];

/**
 * The specifier that a loader did not find; undefined if `error` reports something else. If a file of a package is
 * missing, the specifier is the path of that file. jest's error is no `Error` of the test's own realm.
 */
function specifierNotFound(error: unknown): string | undefined {
  const message: unknown = typeof error === "object" && error !== null && "message" in error && error.message;
  if (typeof message !== "string") return undefined;
  for (const pattern of NOT_FOUND) {
    const specifier = pattern.exec(message)?.groups?.["specifier"];
    if (specifier !== undefined) return specifier;
  }
  return undefined;
}
