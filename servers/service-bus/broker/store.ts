import type { QueueSettings } from "../options.ts";
import type { StoredMessage } from "./message.ts";

/** Told of every change, before whoever asked for it is answered. */
export interface Store {
  define(settings: QueueSettings): void;
  undefine(name: string): void;
  /** A message that is new here. */
  put(path: string, message: StoredMessage): void;
  /** Its lock, count, state or properties have changed. */
  update(path: string, message: StoredMessage): void;
  remove(path: string, sequence: number): void;
  seen(path: string, messageId: string, at: number): void;
  session(path: string, id: string, state: Buffer | undefined): void;
}

/** Keeps nothing. */
export const forgetful: Store = {
  define() {},
  undefine() {},
  put() {},
  update() {},
  remove() {},
  seen() {},
  session() {},
};
