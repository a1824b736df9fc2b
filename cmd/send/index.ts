import { Command, Option } from "commander";
import { defaults } from "../../src/defaults.ts";
import { priorities } from "../../src/jobs/store/job-row.ts";
import { optionalMs } from "../../src/lib/duration.ts";
import type { NewMessage } from "../../src/message/message.ts";
import type { SendOptions } from "../../src/queue/queue.ts";
import { loadConfig } from "../lib/config-file.ts";
import { exitCodes } from "../lib/exit-codes.ts";
import { addHelp } from "../lib/help.ts";
import {
  addConfigOptions,
  addJsonOption,
  duration,
  durationText,
  names,
  pair,
  positiveDuration,
  whole,
} from "../lib/options.ts";
import { colorsFor, print, warn } from "../lib/output.ts";
import { Interrupted, onSignals } from "../lib/signals.ts";
import { loadDefinitions } from "./definitions.ts";
import { inputFile, openInput, readMessage, type SendFlags, template } from "./input.ts";
import { sendLines, type Sender } from "./lines.ts";
import { openSender } from "./sender.ts";
import { showWaiting } from "./waiting.ts";

/** `queueport send`: one job from the command line, or a stream of jobs. */
export function sendCommand(): Command {
  const command = new Command("send")
    .summary("Send one job, or a stream of jobs")
    .description(
      `Sends one job whose payload is an argument, a file or stdin. With --ndjson, sends one job per line. A line that is wrong does not stop the others: it is reported with its number, and counted.`,
    )
    .argument("<queue>", "name of the queue")
    .argument("[payload]", `payload as JSON, such as '{"userId":"u1"}'`)
    .optionsGroup("Input:")
    .option("-f, --file <file>", "file that holds the payload, or the lines of --ndjson; - is stdin")
    .option(
      "--ndjson",
      "read one job per line: a payload if --type is given, otherwise a message { type, payload, … } (default: from stdin)",
    )
    .optionsGroup("Job:")
    .option("-t, --type <type>", "job type, such as send_welcome_email; required except with --ndjson")
    .option("--id <id>", "id of the job (default: a new UUIDv7)")
    .option("--header <name=value>", "header, such as tenant=acme; repeat the flag for more", pair)
    .option(
      "--max-attempts <n>",
      `attempts that may fail before the job is dead-lettered (default: ${defaults.maxAttempts})`,
      whole(1),
    )
    .option(
      "--ordering-key <key>",
      "key, such as order-42, whose jobs are delivered in order; the queue must keep order",
    )
    .option(
      "--dedup-id <id>",
      "id by which the queue drops a job that was sent twice; the queue must deduplicate",
    )
    .addOption(
      new Option(
        "-H, --handlers <file>",
        "handlers module, whose job definitions check the payload and set the attempts (default: worker.handlers in the configuration)",
      ).env("QUEUEPORT_HANDLERS"),
    )
    .option("--no-handlers", "do not load the handlers module")
    .addOption(new Option("--priority <level>", "priority that is recorded with the job").choices(priorities))
    .option("--tenant <tenant>", "tenant for whom the job runs")
    .optionsGroup("Recorded jobs (with the section jobs in the configuration):")
    .option("--tag <tag>", "label to find the job by; repeat the flag, or separate tags with commas", names)
    .option(
      "--idempotency-key <key>",
      "key of this send; a second send with the same key and payload gets the first job",
    )
    .optionsGroup("Delivery:")
    .option(
      "--delay <duration>",
      "earliest delivery after this time, such as 90s or 3d (default: 0)",
      duration,
    )
    .option(
      "--deadline <duration>",
      `time limit for the send, such as 10s; then it fails (default: ${durationText(defaults.sendDeadlineMs)})`,
      positiveDuration,
    );
  addConfigOptions(command);
  addJsonOption(command, "the id, or the counts of --ndjson,");
  return addHelp(command, {
    examples: [
      `queueport send emails '{"userId":"u1"}' --type send_welcome_email --delay 3d`,
      "queueport send emails --type send_welcome_email --ndjson --file users.ndjson",
    ],
    exitCodes: {
      0: "every job was sent",
      1: "a job was not sent, or it is unknown whether it was; or a signal ended the input early",
    },
    hasSignals: true,
  }).action(runSend);
}

async function runSend(name: string, payload: string | undefined, flags: SendFlags): Promise<void> {
  const file = inputFile(payload, flags);
  const config = await loadConfig(flags);
  const options: SendOptions = { delay: flags.delay, deadlineMs: flags.deadline };
  const { complete, definitions } = await loadDefinitions(flags.handlers, config.worker);
  const message = flags.ndjson ? undefined : complete(await readMessage(payload, file, flags));
  await using sender = await openSender(config, flags, definitions);
  const deadlineMs = flags.deadline ?? optionalMs(config.queue.sendDeadlineMs) ?? defaults.sendDeadlineMs;
  const waiting = showWaiting(deadlineMs, message !== undefined);
  try {
    if (message === undefined) await sendStream(sender, name, file ?? "-", flags, options, complete);
    else await sendOne(sender, name, message, flags, options);
  } finally {
    waiting[Symbol.dispose]();
  }
  if (sender.provider === "memory") {
    warn("the memory provider keeps messages in this process only: they are lost now.");
  }
}

async function sendOne(
  sender: Sender,
  name: string,
  message: NewMessage,
  { json }: SendFlags,
  options: SendOptions,
): Promise<void> {
  const sent = await sender.send(name, message, options);
  const { id, created, tracked } = sent;
  if (json) return print(JSON.stringify({ queue: name, id, created, tracked }));
  const { green, yellow } = colorsFor(process.stdout);
  const done = created === false ? yellow("was there before:") : green("sent");
  print(`${done} ${id} to ${name}`);
}

async function sendStream(
  sender: Sender,
  name: string,
  file: string,
  flags: SendFlags,
  options: SendOptions,
  complete: (message: NewMessage) => NewMessage,
): Promise<void> {
  using interrupt = onSignals();
  const { error, ...counts } = await sendLines({
    queue: sender,
    name,
    options,
    input: openInput(file),
    type: flags.type,
    template: template(flags),
    complete,
    signal: interrupt.signal,
    onFailure: (line, { message }) => warn(`line ${line}: ${message}`),
  });
  const { sent, failed, unknown } = counts;
  print(
    flags.json
      ? JSON.stringify({ queue: name, ...counts })
      : `${sent} sent to ${name}, ${failed} not sent, ${unknown} unknown`,
  );
  // The counts are printed before the error, because sending all lines again would send the first ones twice.
  if (error !== undefined) throw error;
  if (interrupt.signal.aborted) throw new Interrupted("the lines after these were not read.");
  if (failed + unknown > 0) process.exitCode = exitCodes.failure;
}
