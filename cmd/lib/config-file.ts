import { DEFAULT_PATH } from "../../adapters/sqlite/config.ts";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { type ConfigParts, splitConfig } from "../../adapters/config-file.ts";
import type { CheckedJobsConfig } from "../../adapters/jobs-config.ts";
import { describeError, QueueError } from "../../src/errors.ts";
import { importFile, mustExist } from "./import-file.ts";
import type { ConfigFlags } from "./options.ts";

const endings = ["ts", "mts", "js", "mjs", "json", "yaml", "yml"];

/**
 * Loads the configuration of a command: from `--config`, or from the first `queueport.config.*` in the working
 * directory. `--provider` replaces the provider of the file, and is a configuration of its own if there is no file.
 * @throws QueueError `config` if there is no configuration, or if it is invalid
 */
export async function loadConfig({ config, provider }: ConfigFlags): Promise<ConfigParts> {
  const found =
    config ?? endings.map((ending) => `queueport.config.${ending}`).find((name) => existsSync(name));
  if (found !== undefined) return resolveConfig(await readConfig(found), found, provider);
  if (provider !== undefined) return splitConfig({ provider }, "configuration");
  throw new QueueError(
    "config",
    `No configuration was found: pass --config <file> or --provider <name>, or create queueport.config.{${endings.join(",")}} in this directory.`,
  );
}

/**
 * Checks the parts of a configuration. Relative paths become absolute; they are relative to `file`.
 * @throws QueueError `config` with the path of every mistake
 */
export function resolveConfig(content: unknown, file: string, provider?: string): ConfigParts {
  const { queue, worker, jobs } = splitConfig(withProvider(content, provider), file);
  const absolute = (path: string): string => resolve(dirname(file), path);
  const { handlers } = worker;
  return {
    queue: resolveQueue(queue, absolute),
    worker: handlers === undefined ? worker : { ...worker, handlers: absolute(handlers) },
    jobs: jobs && resolveJobs(jobs, absolute),
  };
}

/** The part of the queues, with absolute paths. */
function resolveQueue(queue: ConfigParts["queue"], absolute: (path: string) => string): ConfigParts["queue"] {
  const { delayStore } = queue;
  return {
    ...queue,
    ...(queue.provider === "sqlite" && { path: database(queue.path ?? DEFAULT_PATH, absolute) }),
    ...(delayStore !== undefined && {
      delayStore: { ...delayStore, sqlite: database(delayStore.sqlite, absolute) },
    }),
  };
}

/** The `jobs` part, with absolute paths. */
function resolveJobs(jobs: CheckedJobsConfig, absolute: (path: string) => string): CheckedJobsConfig {
  const { store, retention, api } = jobs;
  return {
    ...jobs,
    ...(store !== undefined && "sqlite" in store && { store: { sqlite: database(store.sqlite, absolute) } }),
    ...(retention?.archive !== undefined && {
      retention: { ...retention, archive: absolute(retention.archive) },
    }),
    ...(api?.token_file !== undefined && { api: { ...api, token_file: absolute(api.token_file) } }),
  };
}

/** The path of an SQLite file. A database in memory and a URI of SQLite stay as they are. */
function database(path: string, absolute: (path: string) => string): string {
  return /^(?::memory:$|file:)/.test(path) ? path : absolute(path);
}

/** The content of a file with the provider of the command line, which replaces that of the file, or its driver. */
function withProvider(content: unknown, provider: string | undefined): unknown {
  if (provider === undefined || typeof content !== "object" || content === null) return content;
  const { driver: _replaced, ...rest } = content as { readonly driver?: unknown };
  return { ...rest, provider };
}

async function readConfig(file: string): Promise<unknown> {
  mustExist(file, "configuration file");
  switch (extname(file)) {
    case ".json":
      return parseText(file, "JSON", JSON.parse);
    case ".yaml":
    case ".yml": {
      const { parse } = await import("yaml");
      return parseText(file, "YAML", (text) => parse(text, { prettyErrors: false, logLevel: "error" }));
    }
    case ".ts":
    case ".mts":
    case ".js":
    case ".mjs":
      return readModule(file);
    default:
      throw new QueueError(
        "config",
        `${file}: the name of a configuration file must end in ${endings.map((ending) => `.${ending}`).join(", ")}.`,
      );
  }
}

/** The default export, or its result if it is a function, which may fetch a secret or read the environment. */
async function readModule(file: string): Promise<unknown> {
  const { default: exported } = await importFile(file, "configuration file");
  if (exported === undefined) {
    throw new QueueError(
      "config",
      `${file}: expected a default export: the configuration, or a function that returns it.`,
    );
  }
  if (typeof exported !== "function") return exported;
  try {
    return await (exported as () => unknown)();
  } catch (error) {
    throw new QueueError("config", `${file}: its function failed: ${describeError(error)}`, { cause: error });
  }
}

async function parseText(file: string, format: string, parse: (text: string) => unknown): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new QueueError("config", `${file} could not be read: ${describeError(cause)}`, { cause });
  }
  // As PowerShell writes a file by default.
  if (text.includes("\0"))
    throw new QueueError("config", `${file} is not text in UTF-8: it may be in UTF-16. Save it as UTF-8.`);
  try {
    // Editors on Windows may begin a file with a byte order mark, which JSON.parse refuses.
    return parse(text.replace(/^\ufeff/, ""));
  } catch (error) {
    throw new QueueError("config", `${file} could not be read as ${format}: ${mistakeOf(error, text)}`);
  }
}

/**
 * The mistake that a parser found, with its line. The text of the file is left out, and the parser's error is not kept
 * as a cause, because both may contain a secret.
 */
function mistakeOf(error: unknown, text: string): string {
  const { message = "", pos } = error as { readonly message?: string; readonly pos?: readonly [number] };
  const at = pos?.[0] ?? Number(/ at position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  // The parsers quote the text after a colon or a comma.
  const [what = ""] = message.split(/, "|, \.\.\.| in JSON|: /, 1);
  return Number.isNaN(at) ? what : `${what}, in line ${text.slice(0, at).split("\n").length}`;
}
