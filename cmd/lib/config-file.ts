import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { z } from "zod";
import { check } from "../../adapters/check.ts";
import { backoffSchema, type QueueConfig } from "../../adapters/config.ts";
import { parseConfig, type WorkerConfig } from "../../adapters/open.ts";
import { describeError, QueueError } from "../../src/errors.ts";
import { importFile, mustExist } from "./import-file.ts";
import { logLevels, type SourceFlags } from "./options.ts";

/** What a configuration file, or its absence, amounts to. */
export interface Loaded {
  readonly queue: QueueConfig;
  readonly worker: WorkerConfig;
}

const durationMs = z.number().positive().optional();

const workerSchema: z.ZodType<WorkerConfig> = z.strictObject({
  queues: z.array(z.string().min(1)).min(1).optional(),
  ordered: z.array(z.string().min(1)).optional(),
  handlers: z.string().min(1).optional(),
  concurrency: z.int().min(1).optional(),
  timeoutMs: durationMs,
  graceMs: z.number().min(0).optional(),
  hardLimitMs: durationMs,
  leaseMs: durationMs,
  extendEveryMs: durationMs,
  drainMs: z.number().min(0).optional(),
  backoff: backoffSchema.optional(),
  unknownTypeMaxAgeMs: z.number().min(0).optional(),
  allowUncounted: z.boolean().optional(),
  metricsPort: z.int().min(0).max(65_535).optional(),
  host: z.string().min(1).optional(),
  logLevel: z.enum(logLevels).optional(),
  pretty: z.boolean().optional(),
} satisfies { readonly [K in keyof Required<WorkerConfig>]: z.ZodType<WorkerConfig[K]> });

const endings = ["ts", "js", "mjs", "json", "yaml", "yml"];

/** The configuration of a command: from its file, or a default one in this directory; `--provider` lies over it. */
export async function loadConfig({ config, provider }: SourceFlags): Promise<Loaded> {
  const found =
    config ?? endings.map((ending) => `queueport.config.${ending}`).find((name) => existsSync(name));
  if (found === undefined) {
    if (provider !== undefined) return { queue: parseConfig({ provider }, "configuration"), worker: {} };
    throw new QueueError(
      "config",
      `No configuration: give --config <file> or --provider <name>, or put queueport.config.{${endings.join(",")}} into this directory.`,
    );
  }
  return splitConfig(await readConfig(found), found, provider);
}

/** Checks both parts of a configuration. Paths in the `worker` part become absolute. */
export function splitConfig(content: unknown, file: string, provider?: string): Loaded {
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
  const queue = besideFile(parsed, file);
  const { worker } = check(z.strictObject({ worker: workerSchema }), { worker: workerPart }, file);
  if (worker.handlers === undefined) return { queue, worker };
  return { queue, worker: { ...worker, handlers: resolve(dirname(file), worker.handlers) } };
}

/** The file of a delay store is named as the handlers module is: relative to the configuration. */
function besideFile(queue: QueueConfig, file: string): QueueConfig {
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
        `${file}: a configuration file ends in ${endings.map((ending) => `.${ending}`).join(", ")}.`,
      );
  }
}

/** The default export, or what it returns: a function may fetch a secret, or look at the environment. */
async function readModule(file: string): Promise<unknown> {
  const { default: exported } = await importFile(file, "configuration file");
  if (exported === undefined) {
    throw new QueueError(
      "config",
      `${file}: expected a default export, the configuration or a function that returns it.`,
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
    throw new QueueError("config", `${file} could not be read as ${format}: ${faultOf(error, text)}`);
  }
}

/** What is wrong, and where; without the text itself, and without the error that quotes it: it may be a secret. */
function faultOf(error: unknown, text: string): string {
  const { message = "", pos } = error as { readonly message?: string; readonly pos?: readonly [number] };
  const at = pos?.[0] ?? Number(/ at position (\d+)/.exec(message)?.[1] ?? Number.NaN);
  // An anchor, or what was not expected, stands behind a colon or a comma.
  const [what = ""] = message.split(/, "|, \.\.\.| in JSON|: /, 1);
  return Number.isNaN(at) ? what : `${what}, in line ${text.slice(0, at).split("\n").length}`;
}
