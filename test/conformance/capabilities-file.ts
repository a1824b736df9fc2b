import { readFile, writeFile } from "node:fs/promises";
import type { Capabilities } from "../../src/conformance/index.ts";

const FILE = new URL("../../docs/capabilities.json", import.meta.url);

type Table = Record<string, Capabilities>;

/** Reads the results of all adapters as they were committed. */
export async function readCapabilities(): Promise<Table> {
  try {
    return JSON.parse(await readFile(FILE, "utf8")) as Table;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}

/** Replaces the results of one adapter. */
export async function writeCapabilities(adapter: string, part: Capabilities): Promise<void> {
  const table = { ...(await readCapabilities()), [adapter]: part };
  const sorted = Object.fromEntries(
    Object.entries(table).toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
  await writeFile(FILE, `${JSON.stringify(sorted, undefined, 2)}\n`);
}
