import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Attributes, Body } from "../../src/driver/index.ts";

/**
 * All that ever changes about a message. It is the name of the message's file, so that every change is one rename:
 * atomic, and won by one of several processes that try it. Since deliveries only grow, no name comes up twice.
 */
export interface MessageName {
  /** From then on anybody may take it: when it is due, or when the lease on it ends. Epoch milliseconds. */
  readonly visibleAt: number;
  readonly deliveries: number;
  readonly state: "queued" | "leased";
  readonly brokerId: string;
}

/** What is written once, and never touched again. */
export interface MessageContent {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly enqueuedAt?: number | undefined;
}

const NAME = /^(\d{16})_(\d+)_(queued|leased)_([\w-]+)$/;
const NEWLINE = 10;

/** Sixteen digits hold every moment that a number can, and make the order of names that of moments. */
export function fileOf(directory: string, { visibleAt, deliveries, state, brokerId }: MessageName): string {
  const moment = Math.ceil(Math.min(visibleAt, Number.MAX_SAFE_INTEGER));
  return join(directory, `${String(moment).padStart(16, "0")}_${deliveries}_${state}_${brokerId}`);
}

/** The messages of a queue, those visible first come first. What is being written is not among them. */
export async function listMessages(directory: string): Promise<MessageName[]> {
  const files = await readdir(directory);
  return files.toSorted().flatMap((file): MessageName[] => {
    const [, visibleAt, deliveries, state, brokerId = ""] = NAME.exec(file) ?? [];
    if (state !== "queued" && state !== "leased") return [];
    return [{ visibleAt: Number(visibleAt), deliveries: Number(deliveries), state, brokerId }];
  });
}

/**
 * Writes a message beside the others, and gives it its name when it is complete: to be killed on the way leaves a
 * hidden file that nobody reads. Its bytes are on the disk before its name is; the name is, once the caller has
 * called {@link syncDirectory}.
 */
export async function writeMessage(
  directory: string,
  visibleAt: number,
  { body, ...header }: MessageContent,
): Promise<string> {
  const brokerId = randomUUID();
  const hidden = join(directory, `.${brokerId}`);
  const file = await open(hidden, "wx");
  try {
    await file.writeFile(`${JSON.stringify(header)}\n`);
    await file.writeFile(body);
    await file.sync();
    await file.close();
    await rename(hidden, fileOf(directory, { visibleAt, deliveries: 0, state: "queued", brokerId }));
  } catch (error) {
    await file.close();
    await unlink(hidden).catch(() => undefined);
    throw error;
  }
  return brokerId;
}

/** Reads a message. A file that is not as it was written is all body: the core dead-letters what it cannot read. */
export async function readMessage(directory: string, name: MessageName): Promise<MessageContent> {
  const bytes = await readFile(fileOf(directory, name));
  const end = bytes.indexOf(NEWLINE);
  try {
    const header = JSON.parse(bytes.toString("utf8", 0, end)) as Omit<MessageContent, "body">;
    return { ...header, body: bytes.subarray(end + 1) };
  } catch {
    return { body: bytes, attributes: {} };
  }
}

/** A rename outlives a killed process by itself; only this makes it outlive a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
