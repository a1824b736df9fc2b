import type { NewMessage } from "../../message/message.ts";

/** Creates a message of the type `job`. */
export function job(payload: unknown = null): NewMessage {
  return { type: "job", payload };
}
