import { statSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Observation } from "../observation.ts";
import { DEFAULT_PATH } from "./config.ts";
import { fileError } from "./errors.ts";
import { Connection } from "./queue/database.ts";
import { sharedFileSystem } from "./queue/file-system.ts";
import { SCHEMA_VERSION, schemaOf } from "./queue/schema.ts";

/** Bytes of a write-ahead log that some reader or a stuck transaction keeps from being moved into the file. */
const LARGE_LOG_BYTES = 268_435_456;

/** Looks at the file of queues for `queueport doctor`. Changes nothing. */
export async function inspect({
  path = DEFAULT_PATH,
}: {
  readonly path?: string | undefined;
}): Promise<readonly Observation[]> {
  if (path === ":memory:")
    return [warning("file: the queues end with their process", "give the path of a file")];
  const file = resolve(path);
  const bytes = sizeOf(file);
  if (bytes === undefined) return [ok(`file ${file}: does not exist; the first request creates it`)];
  const shared = await sharedFileSystem(file);
  return [
    shared === undefined
      ? ok(`file ${file}: ${size(bytes)}, on a local file system`)
      : broken(
          `file ${file}: is on a shared file system (${shared}), where SQLite damages it`,
          "move it to a local disk",
        ),
    ...contentOf(file),
    ...logOf(file),
  ];
}

function contentOf(file: string): Observation[] {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { readOnly: true, timeout: 1_000 });
    const connection = new Connection(database);
    const mode = connection.all<{ journal_mode: string }>("PRAGMA journal_mode")[0]?.journal_mode;
    const { version, since } = schemaOf(connection);
    const newer = `file ${file}: was made for queueport ${since} or later (schema ${version}; this version knows ${SCHEMA_VERSION})`;
    return [
      version > SCHEMA_VERSION
        ? broken(newer, "install that version")
        : ok(`file ${file}: ${version === 0 ? "has no queues yet" : `schema ${version}`}`),
      mode === "wal" || version === 0
        ? ok(`file ${file}: journal mode ${mode}`)
        : warning(
            `file ${file}: journal mode ${mode}, so readers and writers wait for each other`,
            "PRAGMA journal_mode = WAL",
          ),
    ];
  } catch (error) {
    return [broken(fileError(file, error).message, "solve that, and run this again")];
  } finally {
    database?.close();
  }
}

function logOf(file: string): Observation[] {
  const bytes = sizeOf(`${file}-wal`);
  if (bytes === undefined) return [];
  const what = `file ${file}-wal: ${size(bytes)}`;
  return [
    bytes < LARGE_LOG_BYTES
      ? ok(what)
      : warning(what, "look for a process that keeps a read or a transaction open, and end it"),
  ];
}

const sizeOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.size;
const size = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;
const ok = (what: string): Observation => ({ level: "ok", what });
const warning = (what: string, fix: string): Observation => ({ level: "warning", what, fix });
const broken = (what: string, fix: string): Observation => ({ level: "broken", what, fix });
