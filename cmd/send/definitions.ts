import { existsSync } from "node:fs";
import { suggestion } from "../../adapters/check.ts";
import { openQueue, type WorkerConfig } from "../../adapters/open.ts";
import { describeError, QueueError } from "../../src/errors.ts";
import type { NewMessage } from "../../src/message/message.ts";
import { Worker } from "../../src/worker/worker.ts";
import { findHandlers, registerHandlers } from "../lib/handlers-file.ts";
import { warn } from "../lib/output.ts";

/** The job definitions of a handlers module, for a command that sends. */
export interface SentDefinitions {
  /** Completes a message by the definition of its type. */
  readonly complete: (message: NewMessage) => NewMessage;
  /** The definitions, for `openJobs`. */
  readonly definitions: readonly { readonly type: string }[];
}

/**
 * Loads the job definitions of the handlers module, if one is named. They complete a message of their type: the schema
 * checks its payload, and `maxAttempts` and `backoff` apply, unless the message has its own. A type without a handler is
 * sent as it is, with a warning, since another worker may have its handler.
 * @throws QueueError `config` if the module cannot be loaded
 */
export async function loadDefinitions(
  handlers: string | false | undefined,
  worker: WorkerConfig,
): Promise<SentDefinitions> {
  const file = handlers === false ? undefined : findHandlers({ ...(handlers && { handlers }) }, worker);
  const asItIs: SentDefinitions = { complete: (message) => message, definitions: [] };
  if (file === undefined) return asItIs;
  // A machine that only sends may share the configuration, and not have the handlers.
  if (!existsSync(file) && handlers === undefined) {
    warn(`the handlers module ${file} does not exist, so its job definitions do not apply.`);
    return asItIs;
  }
  const { registered, definitions } = await loadHandlers(file);
  const byType = new Map(registered.map((one) => [one.type, one]));
  const warned = new Set<string>();
  const complete = (message: NewMessage): NewMessage => {
    const definition = byType.get(message.type);
    if (definition === undefined) {
      if (!warned.has(message.type)) {
        warned.add(message.type);
        const types = [...byType.keys()];
        warn(
          `the handlers module has no handler for ${JSON.stringify(message.type)}, ${suggestion(message.type, types)}`,
        );
      }
      return message;
    }
    const { schema, maxAttempts, backoff } = definition;
    return {
      ...message,
      maxAttempts: message.maxAttempts ?? maxAttempts,
      backoff: message.backoff ?? backoff,
      schema,
    };
  };
  return { complete, definitions };
}

async function loadHandlers(
  file: string,
): Promise<Pick<Worker, "registered"> & Pick<SentDefinitions, "definitions">> {
  await using queue = await openQueue({ provider: "memory" });
  const worker = new Worker(queue);
  const definitions = collectDefinitions(worker);
  try {
    await registerHandlers(file, worker);
    return { registered: worker.registered, definitions };
  } catch (cause) {
    const what = describeError(cause).replace(/^QueueError: |[.]$/g, "");
    throw new QueueError("config", `${what}. To send without its job definitions, pass --no-handlers.`, {
      cause,
    });
  }
}

/** The job definitions that will be registered. A registration keeps only what matters to a worker. */
function collectDefinitions(worker: Worker): { readonly type: string }[] {
  const definitions: { readonly type: string }[] = [];
  const register = worker.register.bind(worker) as (job: unknown, ...rest: unknown[]) => Worker;
  worker.register = (job: unknown, ...rest: unknown[]): Worker => {
    const registered = register(job, ...rest);
    if (typeof job === "object" && job !== null) definitions.push(job as { readonly type: string });
    return registered;
  };
  return definitions;
}
