import { createHash } from "node:crypto";

/** A Lua script, with the hash by which the server calls it once it has been loaded. */
export interface Script {
  /** The name in errors and documents. */
  readonly name: string;
  readonly text: string;
  /** The SHA-1 of `text`, which `EVALSHA` takes. */
  readonly sha: string;
}

/**
 * Defines a script for Redis 6.2 and later. Every key that it uses is in `KEYS`, and all of them are in one slot.
 *
 * A script that must run on a full server begins with a command that only removes: the server checks its memory at the first
 * write of a script, and not at the others.
 */
export function defineScript(name: string, text: string): Script {
  return { name, text, sha: createHash("sha1").update(text).digest("hex") };
}

/** Lua: `now` is the time of the server in milliseconds, the only clock of due times and leases. */
export const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
