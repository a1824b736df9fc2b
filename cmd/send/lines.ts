import { addAbortSignal, type Readable } from "node:stream";
import { z } from "zod";
import { check } from "../../adapters/check.ts";
import { describeError, isQueueError, QueueError } from "../../src/errors.ts";
import type { NewMessage } from "../../src/message.ts";
import type { Queue, SendOptions } from "../../src/queue.ts";

/** Sends on their way at once. The queue puts them into batches by itself; a slow source is not kept waiting for one. */
const IN_FLIGHT = 1_000;
/** Faults that are told one by one; the rest is in the counts. */
const TOLD = 20;

/** A stream of jobs, one a line. */
export interface Lines {
  readonly queue: Queue;
  readonly name: string;
  readonly input: Readable;
  /** With it, a line is a payload; without, it is a whole message. */
  readonly type: string | undefined;
  readonly template: Omit<NewMessage, "type" | "payload">;
  readonly options: SendOptions;
  /** Stops the reading; what was read is sent. */
  readonly signal: AbortSignal;
  readonly onFault: (line: number, error: Error) => void;
}

/** How the lines ended. */
export interface LineCounts {
  readonly sent: number;
  /** Certainly not sent: a wrong line, or one that the provider refused. */
  readonly failed: number;
  readonly unknown: number;
  /** What ended it before the last line: the input failed, or an error that would be every line's. */
  readonly error?: unknown;
}

/**
 * Sends every line. One that is wrong fails alone; an error that would be every line's, such as a missing queue, ends
 * the stream, and so does an input that fails. It never rejects: what was on its way is counted.
 */
export async function sendLines(lines: Lines): Promise<LineCounts> {
  const counts = { sent: 0, failed: 0, unknown: 0 };
  const onTheWay = new OnTheWay();
  let fatal: unknown;
  let told = 0;
  const fault = (line: number, error: unknown): void => {
    if (isQueueError(error, "send_unknown")) counts.unknown += 1;
    else counts.failed += 1;
    if (isQueueError(error, "not_found") || isQueueError(error, "auth")) fatal ??= error;
    else if (told < TOLD) {
      told += 1;
      lines.onFault(line, error instanceof Error ? error : new Error(String(error)));
    }
  };
  let line = 0;
  try {
    for await (const bytes of readLines(lines.input, lines.signal)) {
      line += 1;
      const at = line;
      onTheWay.add(
        send(bytes, lines).then(
          (isSent) => void (counts.sent += isSent ? 1 : 0),
          (error: unknown) => fault(at, error),
        ),
      );
      await onTheWay.untilAtMost(IN_FLIGHT);
      if (fatal !== undefined) break;
    }
  } catch (error) {
    fatal ??= error;
  }
  await onTheWay.untilAtMost(0);
  return fatal === undefined ? counts : { ...counts, error: fatal };
}

/** Promises that never reject, counted until they settle. */
class OnTheWay {
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

/** False for an empty line. */
async function send(bytes: Uint8Array, lines: Lines): Promise<boolean> {
  const json = textOf(bytes);
  if (json.trim() === "") return false;
  await lines.queue.send(lines.name, parseLine(json, lines), lines.options);
  return true;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (error) {
    throw new QueueError("invalid_payload", "not UTF-8, as JSON is", { cause: error });
  }
}

const messageSchema = z.strictObject({
  type: z.string(),
  payload: z.json(),
  id: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  maxAttempts: z.int().min(1).optional(),
  orderingKey: z.string().optional(),
  dedupId: z.string().optional(),
});

function parseLine(json: string, { type, template }: Lines): NewMessage {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new QueueError("invalid_payload", `not JSON: ${describeError(error)}`, { cause: error });
  }
  if (type !== undefined) return { ...template, type, payload: value };
  return { ...template, ...check(messageSchema, value, "message without --type") };
}

const NEWLINE = 0x0a;

// Lines as they come; a stream that fails, throws.
async function* readLines(input: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  /** The beginning of a line whose end has not come. */
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
