import { v7 } from "uuid";

/** Random bytes of an id. The package asks for sixteen, and reads only the last ten. */
const RANDOM = 10;
/** Random bytes are drawn from the system in blocks: one call serves 1,024 ids. */
const pool = new Uint8Array(1_024 * RANDOM);
let used = pool.length;
const random = new Uint8Array(16);
const bytes = new Uint8Array(16);
const text = Buffer.alloc(36, "-");
const view = new DataView(text.buffer, text.byteOffset, text.length);
/** The two hexadecimal digits of each byte, as a pair of character codes. Filled before the first id, not on import. */
const digits = new Uint16Array(256);
const DIGIT = "0123456789abcdef";
/** Positions of the bytes' digits in the text, between the hyphens. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

let newest = "";

/** Whether `id` is the last one that {@link newId} returned. Such an id needs no escaping in JSON. */
export function isNewest(id: string): boolean {
  return id === newest;
}

/** Creates a UUIDv7 (RFC 9562) for `now`, in epoch milliseconds. Ids sort by their time, and are unique without coordination. */
export function newId(now: number): string {
  if (used === pool.length) draw();
  for (let index = 0; index < RANDOM; index += 1) random[16 - RANDOM + index] = pool[used + index] as number;
  used += RANDOM;
  v7({ random, msecs: now }, bytes);
  // Written into one buffer, since the package would concatenate twenty strings.
  for (let index = 0; index < 16; index += 1)
    view.setUint16(PLACES[index] as number, digits[bytes[index] as number] as number);
  newest = text.toString("latin1");
  return newest;
}

function draw(): void {
  crypto.getRandomValues(pool);
  used = 0;
  if (digits[0] !== 0) return;
  for (let byte = 0; byte < digits.length; byte += 1)
    digits[byte] = (DIGIT.charCodeAt(byte >> 4) << 8) | DIGIT.charCodeAt(byte & 15);
}
