import { QueueError } from "../../errors.ts";
import type { JobStore } from "../store/job-store.ts";

/**
 * Wraps the cursors of a store. A cursor names its store and its namespace, and a store that ends with its process has one
 * name more: a place in the changes of another process would skip changes of this one.
 */
export class EventCursors {
  readonly #place: string;
  /** The cursor that was wrapped last. All readers of a change wrap the same one. */
  #last: readonly [cursor: string, text: string] = ["", ""];

  /** @param instance differs for each process */
  constructor({ name, capabilities }: JobStore, namespace: string, instance: string) {
    this.#place = capabilities.durable ? `${name} ${namespace}` : `${name} ${namespace} ${instance}`;
  }

  wrap(cursor: string): string {
    if (this.#last[0] !== cursor || cursor === "") {
      this.#last = [cursor, Buffer.from(JSON.stringify([this.#place, cursor])).toString("base64url")];
    }
    return this.#last[1];
  }

  /** @throws QueueError `invalid_options` for a text that is no cursor, and for one of other jobs */
  unwrap(text: unknown): string {
    const [place, cursor] = partsOf(text);
    if (typeof cursor !== "string")
      throw new QueueError(
        "invalid_options",
        "events: this is not a cursor of an event. Pass on the cursor of the last event, unchanged.",
      );
    if (place !== this.#place)
      throw new QueueError(
        "invalid_options",
        "events: the cursor belongs to another job store, or to a process that has ended. Leave it out, to begin with the next event.",
      );
    return cursor;
  }
}

function partsOf(text: unknown): readonly unknown[] {
  if (typeof text !== "string" || text.length > 1_000) return [];
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}
