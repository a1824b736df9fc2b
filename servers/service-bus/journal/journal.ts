import { existsSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createFolder } from "../../../src/lib/create-folder.ts";
import type { Entity } from "../broker/entity.ts";
import type { BrokerMessage } from "../broker/message.ts";
import type { Namespace } from "../broker/namespace.ts";
import type { Store } from "../broker/store.ts";
import type { QueueSettings } from "../options.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { linesOf, NdjsonWriter } from "./ndjson.ts";

/** One line of the journal: one change. Infinity is written as null, since JSON cannot express it. */
type JournalRecord =
  | { readonly do: "define"; readonly settings: QueueSettings }
  | { readonly do: "undefine"; readonly name: string }
  | { readonly do: "put"; readonly path: string; readonly message: WrittenMessage }
  | { readonly do: "update"; readonly path: string; readonly message: Partial<WrittenMessage> }
  | { readonly do: "remove"; readonly path: string; readonly sequence: number }
  | { readonly do: "sequence"; readonly path: string; readonly last: number }
  | { readonly do: "seen"; readonly path: string; readonly id: string; readonly at: number }
  | {
      readonly do: "session";
      readonly path: string;
      readonly id: string;
      readonly state: string | undefined;
    };

/** A message with its content and its annotations in base64. */
type WrittenMessage = Omit<BrokerMessage, "bare" | "annotations"> & {
  readonly bare: string;
  readonly annotations: { readonly count: number; readonly pairs: string } | undefined;
};

/** Growth after which the journal is compacted. */
const COMPACT_BYTES = 64 * 1_048_576;

/**
 * Keeps a namespace in a directory. Every change is written as one line before its request is answered.
 *
 * The journal survives the end of the process, including a kill. It does not survive a power failure, since it does not
 * wait for the disk.
 */
export class Journal implements Store {
  readonly #path: string;
  readonly #namespace: Namespace;
  /** Content of each message when it was last written. A message whose content has changed is written as a whole. */
  readonly #written = new WeakMap<BrokerMessage, Buffer>();
  readonly #lock: DirectoryLock;
  #file: NdjsonWriter | undefined;
  /** File size at which the journal is compacted next. */
  #compactAt = 0;

  /**
   * Reads the directory into the namespace and becomes the store of the namespace.
   * @throws Error if a running server holds the directory, or the system's error if it cannot be read or written
   */
  constructor(directory: string, namespace: Namespace) {
    // Messages may be confidential. A folder and files that exist keep their permissions.
    createFolder(directory, 0o700);
    this.#lock = new DirectoryLock(directory);
    this.#path = join(directory, "journal.ndjson");
    this.#namespace = namespace;
    try {
      if (existsSync(this.#path)) this.#replay();
      this.#compact();
    } catch (error) {
      this.#lock.release();
      throw error;
    }
    namespace.store = this;
  }

  close(): void {
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    this.#lock.release();
  }

  define(settings: QueueSettings): void {
    this.#write({ do: "define", settings });
  }

  undefine(name: string): void {
    this.#write({ do: "undefine", name });
  }

  put(path: string, message: BrokerMessage): void {
    this.#written.set(message, message.bare);
    this.#write({ do: "put", path, message: writtenOf(message) });
  }

  update(path: string, message: BrokerMessage): void {
    if (this.#written.get(message) !== message.bare) return this.put(path, message);
    const { sequence, deliveryCount, state, lock } = message;
    this.#write({ do: "update", path, message: { sequence, deliveryCount, state, lock } });
  }

  remove(path: string, sequence: number): void {
    this.#write({ do: "remove", path, sequence });
  }

  seen(path: string, messageId: string, at: number): void {
    this.#write({ do: "seen", path, id: messageId, at });
  }

  session(path: string, id: string, state: Buffer | undefined): void {
    this.#write({ do: "session", path, id, state: state?.toString("base64") });
  }

  #write(record: JournalRecord): void {
    if (this.#file === undefined) return;
    // Compacted before the record is written, while the file still agrees with the state in memory.
    if (this.#file.bytes > this.#compactAt) this.#tryToCompact();
    this.#file.write(record);
  }

  /** Compacts the journal. After a failure the old file stays in use. */
  #tryToCompact(): void {
    try {
      this.#compact();
    } catch {
      this.#compactAt += COMPACT_BYTES;
    }
  }

  /** The entity with this path; `undefined` if its queue was removed. */
  #entity(path: string): Entity | undefined {
    return this.#namespace.has(path.replace(/\/\$DeadLetterQueue$/i, ""))
      ? this.#namespace.entity(path)
      : undefined;
  }

  #replay(): void {
    const messages = new Map<string, Map<number, BrokerMessage>>();
    const messagesOf = (path: string): Map<number, BrokerMessage> => {
      const known = messages.get(path) ?? new Map<number, BrokerMessage>();
      messages.set(path, known);
      return known;
    };
    for (const text of linesOf(this.#path)) {
      const record = parse(text);
      if (record === undefined || ("path" in record && this.#entity(record.path) === undefined)) continue;
      if (record.do === "put") {
        messagesOf(record.path).set(record.message.sequence, messageOf(record.message));
        this.#namespace.entity(record.path).contents.resumeAfter(record.message.sequence);
      } else if (record.do === "remove") messagesOf(record.path).delete(record.sequence);
      else if (record.do === "update") {
        const message = messagesOf(record.path).get(record.message.sequence ?? 0);
        if (message !== undefined) Object.assign(message, { lock: undefined, ...record.message });
      } else if (record.do === "undefine") {
        if (this.#namespace.has(record.name)) this.#namespace.drop(record.name);
        for (const path of [record.name, `${record.name}/$DeadLetterQueue`]) messages.delete(path);
      } else this.#apply(record);
    }
    for (const [path, kept] of messages) {
      const entity = this.#namespace.entity(path);
      for (const message of [...kept.values()].toSorted((a, b) => a.sequence - b.sequence))
        entity.restore(message);
    }
  }

  #apply(record: Extract<JournalRecord, { do: "define" | "sequence" | "seen" | "session" }>): void {
    if (record.do === "define") {
      const settings = {
        ...record.settings,
        timeToLiveMs: record.settings.timeToLiveMs ?? Number.POSITIVE_INFINITY,
      };
      if (this.#namespace.has(settings.name)) this.#namespace.update(settings);
      else this.#namespace.create(settings);
    } else if (record.do === "sequence") {
      this.#namespace.entity(record.path).contents.resumeAfter(record.last);
    } else if (record.do === "seen") {
      this.#namespace.entity(record.path).duplicates.remember(record.id, record.at);
    } else {
      const state = record.state === undefined ? undefined : Buffer.from(record.state, "base64");
      this.#namespace.entity(record.path).sessions?.setState(record.id, state);
    }
  }

  /** Writes the present state to a new file, and replaces the journal with it. */
  #compact(): void {
    const fresh = `${this.#path}.new`;
    // A new file that nobody else may read, and never one that a link in its place leads to.
    rmSync(fresh, { force: true });
    const file = new NdjsonWriter(openSync(fresh, "wx", 0o600));
    try {
      for (const record of this.#records()) file.add(record);
      file.flush();
      renameSync(fresh, this.#path);
    } catch (error) {
      file.close();
      rmSync(fresh, { force: true });
      throw error;
    }
    this.#file?.close();
    this.#file = file;
    this.#compactAt = file.bytes + COMPACT_BYTES;
  }

  /** @yields the records that restore the present state */
  *#records(): Iterable<JournalRecord> {
    for (const { entity } of this.#namespace.queues()) {
      yield { do: "define", settings: entity.settings };
      yield { do: "sequence", path: entity.path, last: entity.contents.lastSequence };
      for (const one of [entity, entity.deadLetters])
        if (one !== undefined) for (const message of one.contents.all()) yield this.#putOf(one, message);
      for (const [id, at] of entity.duplicates.entries()) yield { do: "seen", path: entity.path, id, at };
      for (const id of entity.sessions?.ids() ?? []) {
        const state = entity.sessions?.getState(id)?.toString("base64");
        if (state !== undefined) yield { do: "session", path: entity.path, id, state };
      }
    }
  }

  #putOf({ path }: Entity, message: BrokerMessage): JournalRecord {
    this.#written.set(message, message.bare);
    return { do: "put", path, message: writtenOf(message) };
  }
}

function writtenOf(message: BrokerMessage): WrittenMessage {
  const { annotations } = message;
  return {
    ...message,
    bare: message.bare.toString("base64"),
    annotations: annotations && { ...annotations, pairs: annotations.pairs.toString("base64") },
  };
}

function messageOf(written: WrittenMessage): BrokerMessage {
  const none = {
    sessionId: undefined,
    partitionKey: undefined,
    ttlMs: undefined,
    durable: undefined,
    priority: undefined,
    scheduledAt: undefined,
    lock: undefined,
  };
  const { annotations } = written;
  return {
    ...none,
    ...written,
    bare: Buffer.from(written.bare, "base64"),
    annotations: annotations && { ...annotations, pairs: Buffer.from(annotations.pairs, "base64") },
  };
}

/** The record of a line; `undefined` if the line is incomplete, because the process ended while it was written. */
function parse(text: string): JournalRecord | undefined {
  try {
    const record: unknown = text === "" ? undefined : JSON.parse(text);
    return typeof record === "object" && record !== null && "do" in record
      ? (record as JournalRecord)
      : undefined;
  } catch {
    return undefined;
  }
}
