import { randomUUID } from "node:crypto";
import {
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SendMessageBatchResult,
} from "@aws-sdk/client-sqs";
import { type Attributes, DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import type { Clients } from "./clients.ts";
import { entryError } from "./errors.ts";
import { dedupIdOf, groupIdOf } from "./ids.ts";
import { NOT_CARRIED } from "./limits.ts";
import { request } from "./request.ts";

/** The data types of a message's attributes that are not `String`, by name: `Number`, `Binary`, or one with a label. */
export type AttributeTypes = Readonly<Record<string, string>>;

/** Sends messages by one `SendMessageBatch`. A message that SQS would refuse is left out and fails alone. */
export async function sendBatch(
  clients: Clients,
  url: string,
  fifo: boolean,
  messages: readonly Outgoing[],
): Promise<SendResult[]> {
  const problems = messages.map(problemOf);
  const entries = messages.flatMap((message, index) =>
    problems[index] === undefined ? [entryOf(message, index, fifo)] : [],
  );
  let answer: Pick<SendMessageBatchResult, "Successful" | "Failed"> = { Successful: [], Failed: [] };
  if (entries.length > 0) {
    await clients.assertSendsOnce();
    const command = new SendMessageBatchCommand({ QueueUrl: url, Entries: entries });
    try {
      answer = await request({ clients, action: "SendMessage" }, (options) =>
        clients.work.send(command, options),
      );
    } catch (error) {
      const isTooLong = error instanceof DriverError && error.kind === "too_large";
      if (!isTooLong || messages.length === 1) throw error;
      // The messages are too long together. None was stored, and each may be short enough for a request of its own.
      const half = Math.ceil(messages.length / 2);
      const first = await sendBatch(clients, url, fifo, messages.slice(0, half));
      return [...first, ...(await sendBatch(clients, url, fifo, messages.slice(half)))];
    }
  }
  const sent = new Map(answer.Successful?.map((entry) => [entry.Id, entry]));
  const failed = new Map(answer.Failed?.map((entry) => [entry.Id, entry]));
  return messages.map((_, index): SendResult => {
    const problem = problems[index];
    if (problem !== undefined) return { ok: false, error: problem };
    const id = sent.get(String(index))?.MessageId;
    if (id !== undefined) return { ok: true, brokerId: id };
    return { ok: false, error: entryError(failed.get(String(index)), "SendMessage") };
  });
}

function problemOf({ body, attributes }: Outgoing): DriverError | undefined {
  if (typeof body !== "string") {
    return new DriverError(
      "permanent",
      "SQS carries text: a body of bytes cannot be sent. Encode it, as base64 for instance.",
    );
  }
  if (body === "") return new DriverError("permanent", "SQS refuses an empty body.");
  for (const text of [body, ...Object.values(attributes)]) {
    const found = NOT_CARRIED.exec(text);
    if (found !== null) {
      const code = (found[0].codePointAt(0) ?? 0).toString(16).padStart(4, "0");
      return new DriverError(
        "permanent",
        `SQS refuses the character U+${code.toUpperCase()}. Leave it out, or encode the text.`,
      );
    }
  }
  return undefined;
}

function entryOf(
  { body, attributes, delayMs, orderingKey, dedupId, native }: Outgoing,
  index: number,
  fifo: boolean,
): SendMessageBatchRequestEntry {
  const entry: SendMessageBatchRequestEntry = {
    Id: String(index),
    MessageBody: body as string,
    MessageAttributes: attributesOf(attributes, (native ?? {}) as AttributeTypes),
  };
  if (!fifo) return delayMs === 0 ? entry : { ...entry, DelaySeconds: Math.ceil(delayMs / 1_000) };
  return {
    ...entry,
    MessageGroupId: groupIdOf(orderingKey ?? ""),
    // A message without an id is not a duplicate of any other.
    MessageDeduplicationId: dedupIdOf(dedupId ?? randomUUID()),
  };
}

function attributesOf(
  attributes: Attributes,
  types: AttributeTypes,
): NonNullable<SendMessageBatchRequestEntry["MessageAttributes"]> {
  const result: NonNullable<SendMessageBatchRequestEntry["MessageAttributes"]> = {};
  for (const name in attributes) {
    const value = attributes[name] as string;
    // SQS refuses an empty value.
    if (value === "") continue;
    const DataType = typeOf(name, value, types);
    result[name] = DataType.startsWith("Binary")
      ? { DataType, BinaryValue: Buffer.from(value, "base64") }
      : { DataType, StringValue: value };
  }
  return result;
}

/** The type of the original's attribute, as long as the value fits it: the core may have changed the attribute since. */
function typeOf(name: string, value: string, types: AttributeTypes): string {
  const type = Object.hasOwn(types, name) ? (types[name] as string) : "String";
  if (type.startsWith("Number") && !(value.trim() !== "" && Number.isFinite(Number(value)))) return "String";
  if (type.startsWith("Binary") && Buffer.from(value, "base64").toString("base64") !== value) return "String";
  return type;
}
