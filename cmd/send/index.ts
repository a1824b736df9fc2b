import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { openQueue } from "../../adapters/open.ts";
import { describeError, QueueError } from "../../src/errors.ts";
import type { NewMessage } from "../../src/message.ts";
import type { Queue, SendOptions } from "../../src/queue.ts";
import { loadConfig } from "../lib/config-file.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { mustExist } from "../lib/import-file.ts";
import { addSourceOptions, duration, pair, positiveDuration, type SourceFlags, whole } from "../lib/options.ts";
import { colorsFor, print, warn } from "../lib/output.ts";
import { sendLines } from "./lines.ts";
import { Interrupted, onSignals } from "../lib/signals.ts";

interface SendFlags extends SourceFlags {
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
  readonly json?: boolean;
}

/** `queueport send`: one job from the command line, or a stream of them. */
export function sendCommand(): Command {
  const command = new Command("send")
    .description("Send a job, or a stream of them with --ndjson.")
    .argument("<queue>", "queue to send to")
    .argument("[payload]", "the payload as JSON");
  return addSourceOptions(command)
    .option("-t, --type <type>", "job type; with --ndjson, each line is then a payload")
    .option("-f, --file <file>", "read the payload, or the lines, from a file; - is stdin")
    .option("--ndjson", "one job a line: a payload with --type, else { type, payload, … }")
    .option("--delay <duration>", "deliver no earlier than after this, such as 3d", duration)
    .option("--deadline <duration>", "give up a send after this (default: 30s)", positiveDuration)
    .option("--id <id>", "id of the job (default: a UUIDv7)")
    .option("--max-attempts <n>", "runs that may fail before it is dead-lettered (default: 5)", whole(1))
    .option("--header <name=value>", "header; repeat it", pair)
    .option("--ordering-key <key>", "keep the order of jobs with this key, on a queue that orders")
    .option("--dedup-id <id>", "send once, on a queue that deduplicates")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Example:
  $ queueport send emails '{"userId":"u1"}' --type send_welcome_email --delay 3d
  $ queueport send emails --type send_welcome_email --ndjson --file users.ndjson`,
    )
    .action(runSend);
}

async function runSend(name: string, payload: string | undefined, flags: SendFlags): Promise<void> {
  const file = input(payload, flags);
  const config = await loadConfig(flags);
  const options: SendOptions = { delay: flags.delay, deadlineMs: flags.deadline };
  const message = flags.ndjson ? undefined : await readMessage(payload, file, flags);
  await using queue = await openQueue(config.queue);
  if (message === undefined) await sendStream(queue, name, file ?? "-", flags, options);
  else await sendOne(queue, name, message, flags, options);
  if (queue.provider === "memory") {
    warn("the memory provider keeps messages in this process only: they are gone now.");
  }
}

/** Which file is read, where one is; refuses what contradicts itself. */
function input(
  payload: string | undefined,
  { file, ndjson, type, id, dedupId }: SendFlags,
): string | undefined {
  if (payload !== undefined && (file !== undefined || ndjson === true)) {
    throw new QueueError("config", "Give the payload as an argument or by --file, not both.");
  }
  if (ndjson === true) {
    if (id !== undefined) throw new QueueError("config", "--id is for one job; put ids into the lines.");
    if (dedupId !== undefined)
      throw new QueueError("config", "--dedup-id is for one job: of all lines, one would be sent.");
    return file ?? "-";
  }
  if (type === undefined) throw new QueueError("config", "A job needs a type: give --type <type>.");
  if (payload === undefined && file === undefined) {
    throw new QueueError(
      "config",
      "A job needs a payload: give it as JSON, or by --file <file>; - is stdin.",
    );
  }
  return file;
}

async function readMessage(
  payload: string | undefined,
  file: string | undefined,
  flags: SendFlags,
): Promise<NewMessage> {
  const json = payload ?? (await text(openInput(file ?? "-")));
  return { ...template(flags), type: flags.type ?? "", payload: parsePayload(json), id: flags.id };
}

/** What every message of this command has in common. */
function template({
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

function openInput(file: string): Readable {
  if (file === "-") return process.stdin;
  mustExist(file, "file");
  return createReadStream(file);
}

async function sendOne(
  queue: Queue,
  name: string,
  message: NewMessage,
  { json }: SendFlags,
  options: SendOptions,
): Promise<void> {
  const { id } = await queue.send(name, message, options);
  print(
    json
      ? JSON.stringify({ queue: name, id })
      : `${colorsFor(process.stdout).green("sent")} ${id} to ${name}`,
  );
}

async function sendStream(
  queue: Queue,
  name: string,
  file: string,
  flags: SendFlags,
  options: SendOptions,
): Promise<void> {
  using interrupt = onSignals();
  const { error, ...counts } = await sendLines({
    queue,
    name,
    options,
    input: openInput(file),
    type: flags.type,
    template: template(flags),
    signal: interrupt.signal,
    onFault: (line, { message }) => warn(`line ${line}: ${message}`),
  });
  const { sent, failed, unknown } = counts;
  print(
    flags.json
      ? JSON.stringify({ queue: name, ...counts })
      : `${sent} sent to ${name}, ${failed} not sent, ${unknown} unknown`,
  );
  // What was sent by then is told first, whatever ended it: to send all again would send that twice.
  if (error !== undefined) throw error;
  if (interrupt.signal.aborted) throw new Interrupted("lines after these were not read.");
  if (failed + unknown > 0) process.exitCode = exitCodes.failure;
}
