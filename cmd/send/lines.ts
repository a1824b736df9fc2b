import { addAbortSignal, type Readable } from "node:stream";
import { z } from "zod";
import { check } from "../../adapters/check.ts";
import { describeError, isQueueError, QueueError } from "../../src/errors.ts";
import type { NewMessage } from "../../src/message/message.ts";
import type { SendOptions } from "../../src/queue/queue.ts";

/** Largest number of sends that are pending. The queue batches them, so many may be pending without many requests. */
const MAX_PENDING = 1_000;
/** Largest number of failed lines that are reported one by one. All are counted. */
const MAX_REPORTED = 20;

/** A `Queue`, or the recorded jobs, as something that sends. */
export interface Sender {
  send(queue: string, message: NewMessage, options: SendOptions): Promise<Sent>;
}

/** The outcome of one send. The other members are those of a recorded job. */
export interface Sent {
  readonly id: string;
  /** False if the job was there before. */
  readonly created?: boolean;
  /** False if the job could not be recorded. */
  readonly tracked?: boolean;
}

/** A stream of jobs, one per line, and the queue that they are sent to. */
export interface LineInput {
  readonly queue: Sender;
  readonly name: string;
  readonly input: Readable;
  /** If set, a line is a payload of this type. Otherwise a line is a whole message. */
  readonly type: string | undefined;
  /** Fields of every message, which a line may override. */
  readonly template: Omit<NewMessage, "type" | "payload">;
  /** Completes a message by the definition of its job, if that is known. */
  readonly complete?: (message: NewMessage) => NewMessage;
  readonly options: SendOptions;
  /** Stops reading. Lines that were read are still sent. */
  readonly signal: AbortSignal;
  readonly onFailure: (line: number, error: Error) => void;
}

/** The outcome of a stream of lines. */
export interface LineCounts {
  readonly sent: number;
  /** Lines that were certainly not sent: they are invalid, or the provider refused them. */
  readonly failed: number;
  /** Lines that may have been sent: the provider did not answer. */
  readonly unknown: number;
  /** The error that ended the stream before its last line: the input failed, or every line would have failed. */
  readonly error?: unknown;
}

/**
 * Sends every line. An invalid line fails alone. The stream ends early if the input fails, or on an error that every
 * line would meet, such as a missing queue. Never rejects; waits for pending sends so that all are counted.
 */
export async function sendLines(lines: LineInput): Promise<LineCounts> {
  const counts = { sent: 0, failed: 0, unknown: 0 };
  const pending = new PendingSends();
  let fatal: unknown;
  let reported = 0;
  const fail = (line: number, error: unknown): void => {
    if (isQueueError(error, "send_unknown")) counts.unknown += 1;
    else counts.failed += 1;
    if (isQueueError(error, "not_found") || isQueueError(error, "auth")) fatal ??= error;
    else if (reported < MAX_REPORTED) {
      reported += 1;
      lines.onFailure(line, error instanceof Error ? error : new Error(String(error)));
    }
  };
  let line = 0;
  try {
    for await (const bytes of readLines(lines.input, lines.signal)) {
      line += 1;
      const at = line;
      pending.add(
        send(bytes, lines).then(
          (isSent) => void (counts.sent += isSent ? 1 : 0),
          (error: unknown) => fail(at, error),
        ),
      );
      await pending.untilAtMost(MAX_PENDING);
      if (fatal !== undefined) break;
    }
  } catch (error) {
    fatal ??= error;
  }
  await pending.untilAtMost(0);
  return fatal === undefined ? counts : { ...counts, error: fatal };
}

/** Counts promises that never reject until they settle. */
class PendingSends {
  #count = 0;
  #settled: () => void = () => {};

  add(promise: Promise<void>): void {
    this.#count += 1;
    void promise.then(() => {
      this.#count -= 1;
      this.#settled();
    });
  }

  async untilAtMost(most: number): Promise<void> {
    while (this.#count > most) {
      await new Promise<void>((resolve) => {
        this.#settled = resolve;
      });
    }
  }
}

/** Sends one line. Resolves with false if the line is empty. */
async function send(bytes: Uint8Array, lines: LineInput): Promise<boolean> {
  const json = textOf(bytes);
  if (json.trim() === "") return false;
  const { complete = (message) => message } = lines;
  await lines.queue.send(lines.name, complete(parseLine(json, lines)), lines.options);
  return true;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw new QueueError("invalid_payload", "not UTF-8, which JSON has to be", { cause: error });
  }
}

/** The schema checks, and the line itself is sent: a copy of zod's would lack the keys that are named `__proto__`. */
const messageSchema = z.strictObject({
  type: z.string(),
  payload: z.custom((value) => value !== undefined, "expected any JSON value; got nothing"),
  id: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  maxAttempts: z.int().min(1).optional(),
  orderingKey: z.string().optional(),
  dedupId: z.string().optional(),
});

function parseLine(json: string, { type, template }: LineInput): NewMessage {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new QueueError("invalid_payload", `not JSON: ${describeError(error)}`, { cause: error });
  }
  if (type !== undefined) return { ...template, type, payload: value };
  const where = "message without --type";
  check(messageSchema, value, where);
  const message = value as NewMessage;
  if (Object.hasOwn(message, "__proto__")) {
    throw new QueueError("invalid_message", `${where}: unknown key "__proto__".`);
  }
  return { ...template, ...message };
}

const NEWLINE = 0x0a;

// A generator of the lines as they arrive, without their newlines. It throws if the stream fails.
async function* readLines(input: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  /** Chunks of a line whose end has not arrived. They are joined once, so that a long line takes linear time. */
  let begun: Uint8Array[] = [];
  try {
    for await (const chunk of addAbortSignal(signal, input) as AsyncIterable<Uint8Array | string>) {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
      let from = 0;
      for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, from)) {
        yield Buffer.concat([...begun, bytes.subarray(from, end)]);
        begun = [];
        from = end + 1;
      }
      begun.push(bytes.subarray(from));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return;
  }
  yield Buffer.concat(begun);
}
