import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { z } from "zod";
import { check } from "../../adapters/check.ts";
import { backoffSchema, durationField } from "../../adapters/config.ts";
import { parseConfig, type QueueConfig, type WorkerConfig } from "../../adapters/open.ts";
import type { InMs } from "../../src/lib/duration.ts";
import { describeError, QueueError } from "../../src/errors.ts";
import { importFile, mustExist } from "./import-file.ts";
import { type ConfigFlags, logLevels } from "./options.ts";

/** A checked configuration: the options of `openQueue`, and the settings of a worker process. */
export interface LoadedConfig {
  readonly queue: QueueConfig;
  readonly worker: InMs<WorkerConfig>;
}

const workerSchema: z.ZodType<InMs<WorkerConfig>> = z.strictObject({
  queues: z.array(z.string().min(1)).min(1).optional(),
  ordered: z.array(z.string().min(1)).optional(),
  handlers: z.string().min(1).optional(),
  concurrency: z.int().min(1).optional(),
  timeoutMs: durationField(),
  graceMs: durationField({ least: 0 }),
  hardLimitMs: durationField(),
  leaseMs: durationField(),
  extendEveryMs: durationField(),
  drainMs: durationField({ least: 0 }),
  backoff: backoffSchema.optional(),
  unknownTypeMaxAgeMs: durationField({ least: 0 }),
  allowUncounted: z.boolean().optional(),
  metricsPort: z.int().min(0).max(65_535).optional(),
  host: z.string().min(1).optional(),
  logLevel: z.enum(logLevels).optional(),
  pretty: z.boolean().optional(),
} satisfies { readonly [K in keyof Required<WorkerConfig>]: z.ZodType<InMs<WorkerConfig>[K]> });

const endings = ["ts", "js", "mjs", "json", "yaml", "yml"];

/**
 * Loads the configuration of a command: from `--config`, or from the first `queueport.config.*` in the working
 * directory. `--provider` replaces the provider of the file, and is a configuration of its own if there is no file.
 * @throws QueueError `config` if there is no configuration, or if it is invalid
 */
export async function loadConfig({ config, provider }: ConfigFlags): Promise<LoadedConfig> {
  const found =
    config ?? endings.map((ending) => `queueport.config.${ending}`).find((name) => existsSync(name));
  if (found !== undefined) return splitConfig(await readConfig(found), found, provider);
  if (provider !== undefined) return { queue: parseConfig({ provider }, "configuration"), worker: {} };
  throw new QueueError(
    "config",
    `No configuration was found: pass --config <file> or --provider <name>, or create queueport.config.{${endings.join(",")}} in this directory.`,
  );
}

/**
 * Checks both parts of a configuration. Relative paths become absolute; they are relative to `file`.
 * @throws QueueError `config` with the path of every mistake
 */
export function splitConfig(content: unknown, file: string, provider?: string): LoadedConfig {
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new QueueError(
      "config",
      `${file}: expected an object such as { "provider": "memory", "worker": { … } }.`,
    );
  }
  const { worker: workerPart = {}, ...queuePart } = content as Record<string, unknown>;
  const parsed = parseConfig(provider === undefined ? queuePart : { ...queuePart, provider }, file, [
    "worker",
  ]);
  const queue = withAbsoluteDelayStore(parsed, file);
  const { worker } = check(z.strictObject({ worker: workerSchema }), { worker: workerPart }, file);
  if (worker.handlers === undefined) return { queue, worker };
  return { queue, worker: { ...worker, handlers: resolve(dirname(file), worker.handlers) } };
}

function withAbsoluteDelayStore(queue: QueueConfig, file: string): QueueConfig {
  const { delayStore } = queue;
  if (delayStore === undefined || delayStore.sqlite === ":memory:") return queue;
  return { ...queue, delayStore: { sqlite: resolve(dirname(file), delayStore.sqlite) } };
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
  try {
    return parse(text);
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
