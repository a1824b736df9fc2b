import { DriverError, type Outgoing, type SendResult } from "../../src/driver/index.ts";
import { MAX_KEY_BYTES } from "./limits.ts";
import { handleOf } from "../sql/queue/handles.ts";

/** The messages of one call as one statement sends them. It is built before the call returns, and keeps nothing of them. */
export interface Batch {
  /** The JSON of the messages that can be stored, for the function `send_batch`. */
  readonly json: string;
  /** The number of messages in `json`. */
  readonly size: number;
  /** Milliseconds until the first of them is due. */
  readonly dueInMs: number;
  /** Completes the results with the ids that the server has given to the messages in `json`. */
  readonly results: (ids: readonly string[]) => SendResult[];
}

/** Encodes the messages of one call. A message that Postgres cannot hold is left out and fails alone. */
export function encodeBatch(messages: readonly Outgoing[]): Batch {
  const items: string[] = [];
  const problems: (DriverError | undefined)[] = [];
  const cancellable: boolean[] = [];
  let dueInMs = Number.POSITIVE_INFINITY;
  let attributesOf: Outgoing["attributes"] | undefined;
  let attributes = "";
  for (const message of messages) {
    const problem = problemOf(message);
    problems.push(problem);
    cancellable.push(message.cancellable === true);
    if (problem !== undefined) continue;
    // Messages of one type share the object.
    if (message.attributes !== attributesOf) {
      attributesOf = message.attributes;
      attributes = JSON.stringify(JSON.stringify(attributesOf));
    }
    items.push(itemOf(message, attributes));
    dueInMs = Math.min(dueInMs, message.delayMs);
  }
  return {
    json: `[${items.join(",")}]`,
    size: items.length,
    dueInMs,
    results(ids) {
      let next = 0;
      return problems.map((problem, index): SendResult => {
        if (problem !== undefined) return { ok: false, error: problem };
        const id = ids[next];
        next += 1;
        if (id === undefined) return { ok: false, error: new DriverError("ambiguous", UNMENTIONED) };
        return cancellable[index] === true
          ? { ok: true, brokerId: id, handle: handleOf("postgres", id) }
          : { ok: true, brokerId: id };
      });
    },
  };
}

const UNMENTIONED = "the server's answer did not mention this message";

/** One message as the JSON that `send_batch` reads. */
function itemOf({ body, delayMs, orderingKey, dedupId }: Outgoing, attributes: string): string {
  const content = isText(body)
    ? `"b":${JSON.stringify(body)}`
    : `"x":"${Buffer.from(body).toString("base64")}"`;
  const key = orderingKey === undefined ? "" : `,"k":${JSON.stringify(orderingKey)}`;
  const dedup = dedupId === undefined ? "" : `,"u":${JSON.stringify(dedupId)}`;
  return `{${content},"a":${attributes},"d":${delayMs}${key}${dedup}}`;
}

/** Whether a column of text can hold a body. NUL and halves of a character need bytes. */
function isText(body: Outgoing["body"]): body is string {
  return typeof body === "string" && !body.includes("\0") && body.isWellFormed();
}

function problemOf({ orderingKey, dedupId }: Outgoing): DriverError | undefined {
  for (const [name, value] of [
    ["ordering key", orderingKey],
    ["dedup id", dedupId],
  ] as const) {
    if (value === undefined) continue;
    if (value.includes("\0") || !value.isWellFormed())
      return new DriverError("permanent", `Postgres holds no NUL and no half of a character in the ${name}.`);
    if (Buffer.byteLength(value) > MAX_KEY_BYTES)
      return new DriverError(
        "permanent",
        `The ${name} has more than ${MAX_KEY_BYTES} bytes. Use a hash of it.`,
      );
  }
  return undefined;
}
