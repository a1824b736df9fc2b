import { v7 } from "uuid";

/** Random bytes are drawn from the system in blocks: one system call serves 256 ids. */
const pool = new Uint8Array(4_096);
let used = pool.length;
const id = Buffer.alloc(16);

/** A UUIDv7 (RFC 9562): sorts by the time it was made, unique without coordination. */
export function newId(): string {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 16);
  used += 16;
  v7({ random }, id);
  // Five pieces of one text, where the package would put together twenty.
  const hex = id.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
