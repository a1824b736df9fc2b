import { sha256 } from "../lib/hash.ts";
import type { Json } from "./json.ts";

/** The hash of a JSON value. The order of the keys of an object does not matter. */
export function payloadHash(payload: Json): string {
  return sha256(canonical(payload)).toString("base64url");
}

/** The hash of several texts, by which a job is named. Different texts have different hashes, whatever they contain. */
export function hashOf(parts: readonly (string | number | undefined)[]): string {
  return sha256(JSON.stringify(parts.map((part) => part ?? null))).toString("base64url");
}

/** The JSON of a value with the keys of its objects in order. */
function canonical(value: Json): string {
  return JSON.stringify(value, (_, part: Json) => {
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    const sorted: Record<string, Json> = Object.create(null) as Record<string, Json>;
    const members = part as Readonly<Record<string, Json>>;
    for (const key of Object.keys(members).toSorted()) sorted[key] = members[key] as Json;
    return sorted;
  });
}
