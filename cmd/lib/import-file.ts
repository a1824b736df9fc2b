import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describeError, QueueError } from "../../src/errors.ts";

/** Refuses a file that is not there. `what` names it in the error. */
export function mustExist(file: string, what: string): void {
  if (!existsSync(file)) {
    throw new QueueError("config", `Could not read the ${what} ${file}: there is no such file.`);
  }
}

/** Imports a module of the user's. Node strips the types of a TypeScript one. */
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

/** Where a syntax error is: Node puts that, and the line itself, before the stack. */
function place(error: unknown): string {
  const [, url, line] = /^(file:\S+):(\d+)\n/.exec((error as Error | undefined)?.stack ?? "") ?? [];
  return url === undefined ? "" : ` (${relative(process.cwd(), fileURLToPath(url))}:${line})`;
}

/** What to do where the code is right for a compiler, and Node wants it otherwise. */
function advice(error: unknown): string {
  const { code, url } = Object(error) as { readonly code?: unknown; readonly url?: unknown };
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return ". Node only strips types: write it in syntax that can be erased, or give the compiled module.";
  }
  if (code !== "ERR_MODULE_NOT_FOUND" || typeof url !== "string") return "";
  const source = `${url.replace(/\.js$/, "")}.ts`;
  if (!source.startsWith("file:") || !existsSync(new URL(source))) return "";
  const name = source.slice(source.lastIndexOf("/") + 1);
  return `. Node takes names as they stand, and the file is called ${name}: import it so, or give the compiled module.`;
}
