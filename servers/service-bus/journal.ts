import { existsSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Entity } from "./broker/entity.ts";
import type { StoredMessage } from "./broker/message.ts";
import type { Namespace } from "./broker/namespace.ts";
import type { Store } from "./broker/store.ts";
import { DirectoryLock } from "./directory-lock.ts";
import { linesOf, LineWriter } from "./lines.ts";
import type { QueueSettings } from "./options.ts";

/** One line of the journal. Infinity, which JSON does not have, is null. */
type Line =
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

type WrittenMessage = Omit<StoredMessage, "bare"> & { readonly bare: string };

/** The journal is written anew once it has grown by this much. */
const COMPACT_BYTES = 64 * 1_048_576;

/**
 * Keeps a namespace in a directory: every change is one line, written before it is answered. That outlives the
 * process, however it ends; not the machine, since nothing waits for the disk.
 */
export class Journal implements Store {
  readonly #path: string;
  readonly #namespace: Namespace;
  /** The properties of these have changed since they were written. */
  readonly #written = new WeakMap<StoredMessage, Buffer>();
  readonly #lock: DirectoryLock;
  #file: LineWriter | undefined;
  /** The size at which it is written anew. */
  #compactAt = 0;

  /** Reads what is there into the namespace, and is its store from then on. */
  constructor(directory: string, namespace: Namespace) {
    mkdirSync(directory, { recursive: true });
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

  put(path: string, message: StoredMessage): void {
    this.#written.set(message, message.bare);
    this.#write({ do: "put", path, message: written(message) });
  }

  update(path: string, message: StoredMessage): void {
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

  #write(line: Line): void {
    if (this.#file === undefined) return;
    // Before the line: what is there now has been written, all of it.
    if (this.#file.bytes > this.#compactAt) this.#tryToCompact();
    this.#file.write(line);
  }

  /** Where it fails, the file that is there goes on. */
  #tryToCompact(): void {
    try {
      this.#compact();
    } catch {
      this.#compactAt += COMPACT_BYTES;
    }
  }

  /** Of a queue that is not there, nothing is read: it was removed. */
  #entity(path: string): Entity | undefined {
    return this.#namespace.has(path.replace(/\/\$DeadLetterQueue$/i, ""))
      ? this.#namespace.entity(path)
      : undefined;
  }

  #replay(): void {
    const messages = new Map<string, Map<number, StoredMessage>>();
    const of = (path: string): Map<number, StoredMessage> => {
      const known = messages.get(path) ?? new Map<number, StoredMessage>();
      messages.set(path, known);
      return known;
    };
    for (const text of linesOf(this.#path)) {
      const line = parse(text);
      if (line === undefined || ("path" in line && this.#entity(line.path) === undefined)) continue;
      if (line.do === "put") {
        of(line.path).set(line.message.sequence, read(line.message));
        this.#namespace.entity(line.path).contents.resumeAfter(line.message.sequence);
      } else if (line.do === "remove") of(line.path).delete(line.sequence);
      else if (line.do === "update") {
        const message = of(line.path).get(line.message.sequence ?? 0);
        if (message !== undefined) Object.assign(message, { lock: undefined, ...line.message });
      } else if (line.do === "undefine") {
        if (this.#namespace.has(line.name)) this.#namespace.drop(line.name);
        for (const path of [line.name, `${line.name}/$DeadLetterQueue`]) messages.delete(path);
      } else this.#apply(line);
    }
    for (const [path, kept] of messages) {
      const entity = this.#namespace.entity(path);
      for (const message of [...kept.values()].toSorted((a, b) => a.sequence - b.sequence))
        entity.restore(message);
    }
  }

  #apply(line: Extract<Line, { do: "define" | "sequence" | "seen" | "session" }>): void {
    if (line.do === "define") {
      const settings = {
        ...line.settings,
        timeToLiveMs: line.settings.timeToLiveMs ?? Number.POSITIVE_INFINITY,
      };
      if (this.#namespace.has(settings.name)) this.#namespace.update(settings);
      else this.#namespace.create(settings);
    } else if (line.do === "sequence") {
      this.#namespace.entity(line.path).contents.resumeAfter(line.last);
    } else if (line.do === "seen") {
      this.#namespace.entity(line.path).duplicates.remember(line.id, line.at);
    } else {
      const state = line.state === undefined ? undefined : Buffer.from(line.state, "base64");
      this.#namespace.entity(line.path).sessions?.setState(line.id, state);
    }
  }

  /** Writes what there is now, beside the old file and then in its place. */
  #compact(): void {
    const fresh = `${this.#path}.new`;
    const file = new LineWriter(openSync(fresh, "w"));
    try {
      for (const line of this.#lines()) file.add(line);
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

  *#lines(): Iterable<Line> {
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

  #putOf({ path }: Entity, message: StoredMessage): Line {
    this.#written.set(message, message.bare);
    return { do: "put", path, message: written(message) };
  }
}

function written(message: StoredMessage): WrittenMessage {
  return { ...message, bare: message.bare.toString("base64") };
}

function read(message: WrittenMessage): StoredMessage {
  const none = {
    sessionId: undefined,
    partitionKey: undefined,
    ttlMs: undefined,
    scheduledAt: undefined,
    lock: undefined,
  };
  return { ...none, ...message, bare: Buffer.from(message.bare, "base64") };
}

/** The last line may have been cut off by the end of the process. */
function parse(text: string): Line | undefined {
  try {
    const line: unknown = text === "" ? undefined : JSON.parse(text);
    return typeof line === "object" && line !== null && "do" in line ? (line as Line) : undefined;
  } catch {
    return undefined;
  }
}
