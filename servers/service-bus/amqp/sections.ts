import { decodeMessage, type Decoded, encodeSection, type Typed, types } from "./rhea.ts";

const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;

/** Of one application property. */
export const MAX_PROPERTY_BYTES = 32_768;

interface Section {
  readonly code: number;
  readonly bytes: Buffer;
}

/** A message, its parts told apart. */
export interface Parts {
  /** What was read from header, annotations and properties. */
  readonly decoded: Decoded;
  /** Properties, application properties, body and footer, byte for byte as they came. */
  readonly bare: Buffer;
  /** Bytes of everything but the body. */
  readonly headBytes: number;
  /** Bytes of the largest application property, as its encoding has them. */
  readonly largestProperty: number;
}

export function splitMessage(raw: Buffer): Parts {
  const sections = sectionsOf(raw);
  const pick = (...codes: number[]): Buffer =>
    Buffer.concat(sections.filter(({ code }) => codes.includes(code)).map(({ bytes }) => bytes));
  const head = pick(HEADER, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES);
  return {
    decoded: decodeMessage(pick(HEADER, MESSAGE_ANNOTATIONS, PROPERTIES)),
    bare: Buffer.concat(sections.filter(({ code }) => code > MESSAGE_ANNOTATIONS).map(({ bytes }) => bytes)),
    headBytes: head.length,
    largestProperty: largestOf(pick(APPLICATION_PROPERTIES)),
  };
}

/** The messages in a batch: the envelope has one data section for each. What else it has is a copy of the first's. */
export function unpackBatch(raw: Buffer): Buffer[] {
  return sectionsOf(raw)
    .filter(({ code }) => code === DATA)
    .map(({ bytes }) => new types.Reader(bytes).read().value as Buffer);
}

/** Sets application properties, and leaves the type of every other as it was. */
export function withProperties(bare: Buffer, changes: Readonly<Record<string, unknown>>): Buffer {
  const names = Object.keys(changes);
  if (names.length === 0) return bare;
  const sections = sectionsOf(bare);
  const old = sections.find(({ code }) => code === APPLICATION_PROPERTIES);
  const entries = old === undefined ? [] : (new types.Reader(old.bytes).read().value as Typed[]);
  const kept: Typed[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    const [key, value] = [entries[index] as Typed, entries[index + 1] as Typed];
    if (!names.includes(String(key.value))) kept.push(key, value);
  }
  for (const name of names) kept.push(types.wrap_string(name), types.wrap(changes[name]));
  const section = encodeSection(APPLICATION_PROPERTIES, types.Map32(kept));
  const before = sections.filter(({ code }) => code < APPLICATION_PROPERTIES);
  const after = sections.filter(({ code }) => code > APPLICATION_PROPERTIES);
  return Buffer.concat([...before.map(({ bytes }) => bytes), section, ...after.map(({ bytes }) => bytes)]);
}

/** What of a message is the broker's to say. */
export interface Envelope {
  readonly deliveryCount: number;
  readonly ttlMs: number | undefined;
  readonly annotations: Readonly<Record<string, Typed>>;
}

/** The message as it goes out: a header and annotations of the broker's, and the rest as it came. */
export function joinMessage({ deliveryCount, ttlMs, annotations }: Envelope, bare: Buffer): Buffer {
  const header = types.wrap_list([
    types.wrap_boolean(true),
    types.wrap_ubyte(4),
    ttlMs === undefined ? types.Null() : types.wrap_uint(ttlMs),
    types.wrap_boolean(false),
    types.wrap_uint(deliveryCount),
  ]);
  return Buffer.concat([
    encodeSection(HEADER, header),
    encodeSection(MESSAGE_ANNOTATIONS, types.wrap_symbolic_map(annotations)),
    bare,
  ]);
}

function largestOf(section: Buffer): number {
  // Where all of it is small, so is each.
  if (section.length <= MAX_PROPERTY_BYTES) return section.length;
  const entries = new types.Reader(section).read().value as Typed[];
  let largest = 0;
  for (const { value } of entries)
    if (typeof value === "string") largest = Math.max(largest, Buffer.byteLength(value));
  return largest;
}

function sectionsOf(raw: Buffer): Section[] {
  const sections: Section[] = [];
  let at = 0;
  while (at < raw.length) {
    const start = at;
    // 0x00, then the descriptor: a small ulong, or one of eight bytes.
    const code = raw[at + 1] === 0x80 ? Number(raw.readBigUInt64BE(at + 2)) : raw.readUInt8(at + 2);
    at = skipValue(raw, at + (raw[at + 1] === 0x80 ? 10 : 3));
    if (code !== DELIVERY_ANNOTATIONS) sections.push({ code, bytes: raw.subarray(start, at) });
  }
  return sections;
}

/** How many bytes a value takes follows from the upper half of its constructor. */
function skipValue(raw: Buffer, at: number): number {
  const constructor = raw.readUInt8(at);
  const value = at + 1;
  switch (constructor >>> 4) {
    case 0x4:
      return value;
    case 0x5:
      return value + 1;
    case 0x6:
      return value + 2;
    case 0x7:
      return value + 4;
    case 0x8:
      return value + 8;
    case 0x9:
      return value + 16;
    case 0xa:
    case 0xc:
    case 0xe:
      return value + 1 + raw.readUInt8(value);
    case 0xb:
    case 0xd:
    case 0xf:
      return value + 4 + raw.readUInt32BE(value);
    default:
      throw new RangeError(`no AMQP value begins with 0x${constructor.toString(16)}`);
  }
}
