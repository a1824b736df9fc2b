import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Entity } from "./broker/entity.ts";
import type { StoredMessage } from "./broker/message.ts";
import type { Namespace } from "./broker/namespace.ts";
import type { Store } from "./broker/store.ts";
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
  #file = -1;
  #grownBytes = 0;

  /** Reads what is there into the namespace, and is its store from then on. */
  constructor(directory: string, namespace: Namespace) {
    mkdirSync(directory, { recursive: true });
    this.#path = join(directory, "journal.ndjson");
    this.#namespace = namespace;
    if (existsSync(this.#path)) this.#replay();
    this.#compact();
    namespace.store = this;
  }

  close(): void {
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
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
    if (this.#file < 0) return;
    this.#grownBytes += writeSync(this.#file, `${JSON.stringify(line)}\n`);
    if (this.#grownBytes > COMPACT_BYTES) this.#compact();
  }

  #replay(): void {
    const messages = new Map<string, Map<number, StoredMessage>>();
    const of = (path: string): Map<number, StoredMessage> => {
      const known = messages.get(path) ?? new Map<number, StoredMessage>();
      messages.set(path, known);
      return known;
    };
    for (const text of readFileSync(this.#path, "utf8").split("\n")) {
      const line = parse(text);
      if (line === undefined) continue;
      if (line.do === "put") {
        of(line.path).set(line.message.sequence, read(line.message));
        this.#namespace.entity(line.path).contents.resumeAfter(line.message.sequence);
      } else if (line.do === "remove") of(line.path).delete(line.sequence);
      else if (line.do === "update") {
        const message = of(line.path).get(line.message.sequence ?? 0);
        if (message !== undefined) Object.assign(message, { lock: undefined, ...line.message });
      } else if (line.do === "undefine") {
        this.#namespace.drop(line.name);
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
    const lines: Line[] = [];
    for (const { entity } of this.#namespace.queues()) {
      lines.push({ do: "define", settings: entity.settings });
      lines.push({ do: "sequence", path: entity.path, last: entity.contents.lastSequence });
      for (const one of [entity, entity.deadLetters])
        if (one !== undefined)
          for (const message of one.contents.all()) lines.push(this.#putOf(one, message));
      for (const [id, at] of entity.duplicates.entries())
        lines.push({ do: "seen", path: entity.path, id, at });
      for (const id of entity.sessions?.ids() ?? []) {
        const state = entity.sessions?.getState(id)?.toString("base64");
        if (state !== undefined) lines.push({ do: "session", path: entity.path, id, state });
      }
    }
    this.close();
    writeFileSync(`${this.#path}.new`, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    renameSync(`${this.#path}.new`, this.#path);
    this.#file = openSync(this.#path, "a");
    this.#grownBytes = 0;
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
    return text === "" ? undefined : (JSON.parse(text) as Line);
  } catch {
    return undefined;
  }
}
