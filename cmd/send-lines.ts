import { addAbortSignal, type Readable } from "node:stream";
import { z } from "zod";
import { check } from "../adapters/check.ts";
import { describeError, isQueueError, QueueError } from "../src/errors.ts";
import type { NewMessage } from "../src/message.ts";
import type { Queue, SendOptions } from "../src/queue.ts";

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
}

/**
 * Sends every line. One that is wrong fails alone; an error that would be every line's, such as a missing queue, ends
 * the stream and is thrown once what was on its way is settled.
 */
export async function sendLines(lines: Lines): Promise<LineCounts> {
  const counts = { sent: 0, failed: 0, unknown: 0 };
  const onTheWay = new OnTheWay();
  let fatal: QueueError | undefined;
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
  for await (const json of readLines(lines.input, lines.signal)) {
    line += 1;
    if (json.trim() === "") continue;
    const at = line;
    onTheWay.add(
      send(json, lines).then(
        () => void (counts.sent += 1),
        (error: unknown) => fault(at, error),
      ),
    );
    await onTheWay.untilAtMost(IN_FLIGHT);
    if (fatal !== undefined) break;
  }
  await onTheWay.untilAtMost(0);
  if (fatal !== undefined) throw fatal;
  return counts;
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

async function send(json: string, lines: Lines): Promise<void> {
  await lines.queue.send(lines.name, parseLine(json, lines), lines.options);
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

// Lines as they come; a stream that fails, throws.
async function* readLines(input: Readable, signal: AbortSignal): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of addAbortSignal(signal, input.setEncoding("utf8"))) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    return;
  }
  if (rest !== "") yield rest;
}
