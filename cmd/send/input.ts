import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { describeError, QueueError } from "../../src/errors.ts";
import type { Priority } from "../../src/jobs/store/job-row.ts";
import type { NewMessage } from "../../src/message/message.ts";
import { mustExist } from "../lib/import-file.ts";
import type { ConfigFlags, JsonFlags } from "../lib/options.ts";

/** The flags of `queueport send`. Times in milliseconds. */
export interface SendFlags extends ConfigFlags, JsonFlags {
  /** False with `--no-handlers`. */
  readonly handlers?: string | false;
  readonly type?: string;
  readonly file?: string;
  readonly ndjson?: boolean;
  readonly delay?: number;
  readonly deadline?: number;
  readonly id?: string;
  readonly maxAttempts?: number;
  readonly header?: Record<string, string>;
  readonly orderingKey?: string;
  readonly dedupId?: string;
  readonly priority?: Priority;
  readonly tenant?: string;
  readonly tag?: readonly string[];
  readonly idempotencyKey?: string;
}

/**
 * The file that the payload or the lines are read from; undefined if the payload is an argument.
 * @throws QueueError `config` if flags contradict each other or something is missing
 */
export function inputFile(
  payload: string | undefined,
  { file, ndjson, type, id, dedupId, idempotencyKey }: SendFlags,
): string | undefined {
  if (payload !== undefined && (file !== undefined || ndjson === true)) {
    throw new QueueError("config", "Pass the payload as an argument or by --file, not both.");
  }
  if (ndjson === true) {
    if (id !== undefined) {
      throw new QueueError("config", "--id is for one job: with --ndjson, put an id into each line.");
    }
    if (dedupId !== undefined) {
      throw new QueueError(
        "config",
        "--dedup-id is for one job: with --ndjson, the queue would drop all lines but one.",
      );
    }
    if (idempotencyKey !== undefined) {
      throw new QueueError(
        "config",
        "--idempotency-key is for one job: with --ndjson, put an id into each line.",
      );
    }
    return file ?? "-";
  }
  if (type === undefined) throw new QueueError("config", "A job needs a type: pass --type <type>.");
  if (payload === undefined && file === undefined) {
    throw new QueueError(
      "config",
      "A job needs a payload: pass it as a JSON argument, or by --file <file>; - is stdin.",
    );
  }
  return file;
}

/**
 * Reads the message of a command without --ndjson.
 * @throws QueueError `invalid_payload` if the payload is not JSON, `config` if the file does not exist
 */
export async function readMessage(
  payload: string | undefined,
  file: string | undefined,
  flags: SendFlags,
): Promise<NewMessage> {
  const json = payload ?? (await text(openInput(file ?? "-")));
  return { ...template(flags), type: flags.type ?? "", payload: parsePayload(json), id: flags.id };
}

/** The fields that every message of this command shares. */
export function template({
  maxAttempts,
  header,
  orderingKey,
  dedupId,
}: SendFlags): Omit<NewMessage, "type" | "payload"> {
  return { maxAttempts, headers: header, orderingKey, dedupId };
}

function parsePayload(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new QueueError("invalid_payload", `The payload is not JSON: ${describeError(error)}`, {
      cause: error,
    });
  }
}

/** Opens a file, or stdin for `-`. */
export function openInput(file: string): Readable {
  if (file === "-") return process.stdin;
  mustExist(file, "file");
  return createReadStream(file);
}
