import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { describeError, QueueError } from "../src/errors.ts";

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
    throw new QueueError("config", `Could not load the ${what} ${file}: ${describeError(error)}`, {
      cause: error,
    });
  }
}
