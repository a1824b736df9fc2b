import { refusals } from "../broker/refusal.ts";

/** Type codes of AMQP 1.0 whose values have a fixed number of bytes: http://docs.oasis-open.org/amqp/core/v1.0 (2012-10). */
const WIDTHS = new Int8Array(256).fill(-1);
for (const [width, codes] of [
  [0, [0x40, 0x41, 0x42, 0x43, 0x44, 0x45]],
  [1, [0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56]],
  [2, [0x60, 0x61]],
  [4, [0x70, 0x71, 0x72, 0x73, 0x74]],
  [8, [0x80, 0x81, 0x82, 0x83, 0x84]],
  [16, [0x94, 0x98]],
] as const)
  for (const code of codes) WIDTHS[code] = width;
/** The type code of a boolean that has a byte. */
const BOOLEAN = 0x56;
const BINARY_AND_TEXT: ReadonlySet<number> = new Set([0xa0, 0xa1, 0xa3, 0xb0, 0xb1, 0xb3]);
const COMPOUNDS: ReadonlySet<number> = new Set([0xc0, 0xc1, 0xd0, 0xd1]);
const ARRAYS: ReadonlySet<number> = new Set([0xe0, 0xf0]);
const HAVE_SIZE: ReadonlySet<number> = new Set([...BINARY_AND_TEXT, ...COMPOUNDS, ...ARRAYS]);
const isMap = (code: number): boolean => code === 0xc1 || code === 0xd1;

/**
 * Elements without bytes, such as nulls, that the arrays of one value may have in total. Their number is declared and not
 * covered by bytes: an array of 2^32 - 1 nulls takes 10 bytes, and 4 GB once it is decoded.
 */
const MAX_EMPTY_ELEMENTS = 65_536;

/** A compound value whose elements are being checked. */
interface Open {
  readonly end: number;
  left: number;
  /** The type code of all elements of an array. 0 for a list or a map, whose elements have a type code each. */
  readonly elementCode: number;
}

/**
 * The position after the AMQP value at `at`. Checks the value and everything in it before anything is decoded: type codes,
 * sizes, counts and nesting. The walk uses no recursion, so it has no depth of its own.
 *
 * @param end position at which the value has to end at the latest
 * @param maxDepth greatest number of values within each other
 * @throws Refusal `amqp:decode-error`
 */
export function endOfValue(bytes: Buffer, at: number, end: number, maxDepth: number): number {
  // Most fields and properties are of a fixed width, for which nothing has to be kept.
  const fixed = at < end && bytes[at] !== BOOLEAN ? (WIDTHS[bytes[at] as number] as number) : -1;
  if (fixed >= 0 && at + 1 + fixed <= end) return at + 1 + fixed;
  const open: Open[] = [];
  let current: Open = { end, left: 1, elementCode: 0 };
  let empty = 0;
  let position = at;
  for (;;) {
    while (current.left === 0) {
      const outer = open.pop();
      if (outer === undefined) return position;
      if (position !== current.end)
        throw refusals.malformed("the size of a value is not that of its elements");
      current = outer;
    }
    current.left -= 1;
    const limit = current.end;
    let code = current.elementCode;
    if (code === 0) {
      for (let depth = open.length; ; depth += 1) {
        code = byteAt(bytes, position, limit);
        position += 1;
        if (code !== 0) break;
        if (depth >= maxDepth) throw refusals.malformed("values are nested too deep");
        position = endOfDescriptor(bytes, position, limit);
      }
    }
    const width = WIDTHS[code] as number;
    if (width >= 0) {
      position += width;
      if (position > limit) throw truncated();
      if (code === BOOLEAN && (bytes[position - 1] as number) > 1)
        throw refusals.malformed("a boolean is not 0 or 1");
      continue;
    }
    if (!HAVE_SIZE.has(code)) throw refusals.malformed(`no value begins with 0x${code.toString(16)}`);
    const sizeBytes = (code & 0x10) === 0 ? 1 : 4;
    const size = uintAt(bytes, position, sizeBytes, limit);
    position += sizeBytes;
    const valueEnd = position + size;
    if (valueEnd > limit) throw truncated();
    if (BINARY_AND_TEXT.has(code)) {
      position = valueEnd;
      continue;
    }
    const count = uintAt(bytes, position, sizeBytes, valueEnd);
    position += sizeBytes;
    let elementCode = 0;
    if (ARRAYS.has(code)) {
      // rhea reads no array whose elements have more than one descriptor.
      if (byteAt(bytes, position, valueEnd) === 0) position = endOfDescriptor(bytes, position + 1, valueEnd);
      elementCode = byteAt(bytes, position, valueEnd);
      position += 1;
      if ((WIDTHS[elementCode] as number) < 0 && !HAVE_SIZE.has(elementCode))
        throw refusals.malformed(`no element is of type 0x${elementCode.toString(16)}`);
    }
    if (elementCode !== 0 && WIDTHS[elementCode] === 0) {
      empty += count;
      if (empty > MAX_EMPTY_ELEMENTS)
        throw refusals.malformed("an array has too many elements without content");
    } else if (count > valueEnd - position) {
      throw refusals.malformed("a value declares more elements than it has bytes");
    }
    if (isMap(code) && count % 2 === 1) throw refusals.malformed("a map has a key without a value");
    if (open.length + 1 >= maxDepth) throw refusals.malformed("values are nested too deep");
    open.push(current);
    current = { end: valueEnd, left: count, elementCode };
  }
}

/** A compound value, by the positions of its elements. */
export interface Elements {
  readonly code: number;
  readonly count: number;
  /** Position of the first element. */
  readonly first: number;
  /** Position after the value. */
  readonly end: number;
}

/**
 * The elements of a list or map; `undefined` for any other value. Checks the size and the count, and not the elements.
 * @throws Refusal `amqp:decode-error`
 */
export function elementsAt(bytes: Buffer, at: number, limit: number): Elements | undefined {
  const code = byteAt(bytes, at, limit);
  if (code === 0x45) return { code, count: 0, first: at + 1, end: at + 1 };
  if (!COMPOUNDS.has(code)) return undefined;
  const sizeBytes = (code & 0x10) === 0 ? 1 : 4;
  const end = at + 1 + sizeBytes + uintAt(bytes, at + 1, sizeBytes, limit);
  const first = at + 1 + 2 * sizeBytes;
  if (end > limit || first > end) throw truncated();
  const count = uintAt(bytes, at + 1 + sizeBytes, sizeBytes, end);
  if (count > end - first) throw refusals.malformed("a value declares more elements than it has bytes");
  return { code, count, first, end };
}

/** A descriptor of a described value, and the position of the value. */
export interface Descriptor {
  /** A number, or the name of a symbol. */
  readonly descriptor: number | string;
  readonly valueAt: number;
}

/**
 * The descriptor at `at`; `undefined` if the value there is not described.
 * @throws Refusal `amqp:decode-error` if the descriptor is neither a ulong nor a symbol
 */
export function descriptorAt(bytes: Buffer, at: number, end: number): Descriptor | undefined {
  if (byteAt(bytes, at, end) !== 0) return undefined;
  const valueAt = endOfDescriptor(bytes, at + 1, end);
  switch (bytes[at + 1]) {
    case 0x44:
      return { descriptor: 0, valueAt };
    case 0x53:
      return { descriptor: bytes[at + 2] as number, valueAt };
    case 0x80:
      return { descriptor: Number(bytes.readBigUInt64BE(at + 2)), valueAt };
    case 0xa3:
      return { descriptor: bytes.toString("latin1", at + 3, valueAt), valueAt };
    default:
      return { descriptor: bytes.toString("latin1", at + 6, valueAt), valueAt };
  }
}

/** The position after a descriptor, which is a ulong or a symbol. */
function endOfDescriptor(bytes: Buffer, at: number, limit: number): number {
  const code = byteAt(bytes, at, limit);
  let end: number;
  if (code === 0x44) end = at + 1;
  else if (code === 0x53) end = at + 2;
  else if (code === 0x80) end = at + 9;
  else if (code === 0xa3) end = at + 2 + uintAt(bytes, at + 1, 1, limit);
  else if (code === 0xb3) end = at + 5 + uintAt(bytes, at + 1, 4, limit);
  else throw refusals.malformed("a descriptor is neither a number nor a symbol");
  if (end > limit) throw truncated();
  return end;
}

function byteAt(bytes: Buffer, at: number, limit: number): number {
  if (at >= limit) throw truncated();
  return bytes[at] as number;
}

function uintAt(bytes: Buffer, at: number, width: number, limit: number): number {
  if (at + width > limit) throw truncated();
  return width === 1 ? (bytes[at] as number) : bytes.readUInt32BE(at);
}

function truncated(): Error {
  return refusals.malformed("a value ends after the bytes that hold it");
}
