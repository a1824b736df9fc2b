import type { Attributes, Body } from "./contract.ts";
import type { Limits } from "./limits.ts";

/** Returns the UTF-8 bytes of a body. */
export function bodyBytes(body: Body): number {
  return typeof body === "string" ? Buffer.byteLength(body) : body.byteLength;
}

/** Returns the bytes of a message that count against `limits.maxMessageBytes` and `limits.maxBatchBytes`. */
export function messageBytes(body: Body, attributes: Attributes, limits: Limits): number {
  let bytes = bodyBytes(body) + (limits.messageOverheadBytes ?? 0);
  const overhead = limits.attributeOverheadBytes ?? 0;
  for (const name in attributes) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(attributes[name] as string) + overhead;
  }
  return bytes;
}
