import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describeError, QueueError } from "../../src/errors.ts";

/**
 * Checks that a file exists. `what` names its role in the error.
 * @throws QueueError `config` if it does not exist
 */
export function mustExist(file: string, what: string): void {
  if (!existsSync(file)) {
    throw new QueueError("config", `Could not read the ${what} ${file}: there is no such file.`);
  }
}

/**
 * Imports a module of the user. Node strips the types of a TypeScript module.
 * @throws QueueError `config` if the module does not exist, cannot be loaded or throws
 */
export async function importFile(file: string, what: string): Promise<Record<string, unknown>> {
  mustExist(file, what);
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    const why = `${describeError(error)}${place(error)}`;
    throw new QueueError("config", `Could not load the ${what} ${file}: ${why}${advice(error)}`, {
      cause: error,
    });
  }
}

/** The file and line of a syntax error. Node prints them, and the line itself, before the stack. */
function place(error: unknown): string {
  const [, url, line] = /^(file:\S+):(\d+)\n/.exec((error as Error | undefined)?.stack ?? "") ?? [];
  return url === undefined ? "" : ` (${relative(process.cwd(), fileURLToPath(url))}:${line})`;
}

/** The solution for code that a compiler accepts and Node does not. */
function advice(error: unknown): string {
  const { code, url } = Object(error) as { readonly code?: unknown; readonly url?: unknown };
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return ". Node only strips types: use erasable TypeScript syntax, or pass the compiled module.";
  }
  const [, missing] = /does not provide an export named '(\w+)'$/.exec(describeError(error)) ?? [];
  if (missing !== undefined) {
    return `. If ${missing} is a type, Node needs the word: import { type ${missing} }.`;
  }
  if (
    error instanceof SyntaxError &&
    /import statement outside a module|Unexpected token 'export'/.test(error.message)
  ) {
    return `. Set "type": "module" in package.json (npm pkg set type=module), or name the file .mts.`;
  }
  if (code !== "ERR_MODULE_NOT_FOUND" || typeof url !== "string") return "";
  const source = `${url.replace(/\.js$/, "")}.ts`;
  if (!source.startsWith("file:") || !existsSync(new URL(source))) return "";
  const name = source.slice(source.lastIndexOf("/") + 1);
  return `. Node needs the full file name in an import: import ${name}, or pass the compiled module.`;
}
