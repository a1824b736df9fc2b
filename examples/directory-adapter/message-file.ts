import { randomUUID } from "node:crypto";
import { open, readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Attributes, Body } from "../../src/driver/index.ts";

/**
 * The part of a message that changes. It is the name of the message's file, so that every change is one rename: it is
 * atomic, and succeeds for one of several processes that try it. Since deliveries only grow, a name is never used twice.
 */
export interface MessageName {
  /** The time from which any process may lease the message: its due time, or the end of its lease. Epoch milliseconds. */
  readonly visibleAt: number;
  readonly deliveries: number;
  readonly state: "queued" | "leased";
  readonly brokerId: string;
}

/** The part of a message that is written once and never changes. */
export interface MessageContent {
  readonly body: Body;
  readonly attributes: Attributes;
  readonly enqueuedAt?: number | undefined;
}

const NAME = /^(\d{16})_(\d+)_(queued|leased)_([\w-]+)$/;
const NEWLINE = 10;

/** The path of a message's file. Sixteen digits hold any time, and make names sort by time. */
export function fileOf(directory: string, { visibleAt, deliveries, state, brokerId }: MessageName): string {
  const moment = Math.ceil(Math.min(visibleAt, Number.MAX_SAFE_INTEGER));
  return join(directory, `${String(moment).padStart(16, "0")}_${deliveries}_${state}_${brokerId}`);
}

/** Lists the messages of a queue, sorted by the time from which they are visible. Unfinished files are left out. */
export async function listMessages(directory: string): Promise<MessageName[]> {
  const files = await readdir(directory);
  return files.toSorted().flatMap((file): MessageName[] => {
    const [, visibleAt, deliveries, state, brokerId = ""] = NAME.exec(file) ?? [];
    if (state !== "queued" && state !== "leased") return [];
    return [{ visibleAt: Number(visibleAt), deliveries: Number(deliveries), state, brokerId }];
  });
}

/**
 * Writes a message to a hidden file and renames the file when it is complete. A process that is killed before the rename
 * leaves a hidden file that no process reads. The content is on the disk before the name. The name is on the disk once
 * the caller has called {@link syncDirectory}.
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

/** Reads a message. A damaged file becomes a message whose body is the whole file; the core dead-letters it. */
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

/** Makes renames survive a power cut. A rename survives the death of its process without it. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
