import type { Outgoing } from "../../src/driver/index.ts";

/** The id of an encoded message. */
export function idOf(body: Outgoing["body"]): string {
  return /"id":"([^"]+)"/.exec(textOf(body))?.[1] ?? "";
}

export function textOf(body: Outgoing["body"]): string {
  return typeof body === "string" ? body : Buffer.from(body).toString();
}
