import type { Properties } from "../broker/message.ts";
import { decodeMessage, type Decoded, encodeSection, type Typed, types } from "./rhea.ts";

const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
const MESSAGE_ANNOTATIONS = 0x72;
/** Descriptor of the properties section. */
export const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;

/**
 * Largest application property, 32 KB: https://learn.microsoft.com/azure/service-bus-messaging/service-bus-quotas
 * (2025-05-12).
 */
export const MAX_PROPERTY_BYTES = 32_768;

interface Section {
  readonly code: number;
  readonly bytes: Buffer;
}

/** A message, split into the parts that the broker needs. */
export interface MessageParts {
  /** Fields of header, annotations and properties. */
  readonly decoded: Decoded;
  /** Properties, application properties, body and footer, byte for byte as the client has sent them. */
  readonly bare: Buffer;
  /** Bytes of header, annotations, properties and application properties. */
  readonly headBytes: number;
  /** Encoded bytes of the largest application property. */
  readonly largestProperty: number;
}

export function splitMessage(raw: Buffer): MessageParts {
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

/**
 * The messages of a batch. The envelope has one data section per message. Its other sections are copies of those of the
 * first message.
 */
export function unpackBatch(raw: Buffer): Buffer[] {
  return sectionsOf(raw)
    .filter(({ code }) => code === DATA)
    .map(({ bytes }) => new types.Reader(bytes).read().value as Buffer);
}

/** Sets application properties of a bare message. All other properties keep their AMQP types. */
export function withProperties(bare: Buffer, changes: Properties): Buffer {
  const names = Object.keys(changes);
  if (names.length === 0) return bare;
  const sections = sectionsOf(bare);
  const old = sections.find(({ code }) => code === APPLICATION_PROPERTIES);
  const pairs = old === undefined ? [] : (new types.Reader(old.bytes).read().value as Typed[]);
  const kept: Typed[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key, value] = [pairs[index] as Typed, pairs[index + 1] as Typed];
    if (!names.includes(String(key.value))) kept.push(key, value);
  }
  for (const name of names) kept.push(types.wrap_string(name), types.wrap(changes[name]));
  const section = encodeSection(APPLICATION_PROPERTIES, types.Map32(kept));
  const before = sections.filter(({ code }) => code < APPLICATION_PROPERTIES);
  const after = sections.filter(({ code }) => code > APPLICATION_PROPERTIES);
  return Buffer.concat([...before.map(({ bytes }) => bytes), section, ...after.map(({ bytes }) => bytes)]);
}

/** The parts of a message that the broker writes. */
export interface BrokerFields {
  readonly deliveryCount: number;
  readonly ttlMs: number | undefined;
  readonly annotations: Readonly<Record<string, Typed>>;
}

/** Encodes a message for a receiver: the broker's header and annotations, followed by the bare message. */
export function joinMessage({ deliveryCount, ttlMs, annotations }: BrokerFields, bare: Buffer): Buffer {
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
  // No property is larger than the section.
  if (section.length <= MAX_PROPERTY_BYTES) return section.length;
  const keysAndValues = new types.Reader(section).read().value as Typed[];
  let largest = 0;
  for (const { value } of keysAndValues)
    if (typeof value === "string") largest = Math.max(largest, Buffer.byteLength(value));
  return largest;
}

function sectionsOf(raw: Buffer): Section[] {
  const sections: Section[] = [];
  let at = 0;
  while (at < raw.length) {
    const start = at;
    // 0x00, then the descriptor, which is a ulong of one or of eight bytes.
    const code = raw[at + 1] === 0x80 ? Number(raw.readBigUInt64BE(at + 2)) : raw.readUInt8(at + 2);
    at = skipValue(raw, at + (raw[at + 1] === 0x80 ? 10 : 3));
    if (code !== DELIVERY_ANNOTATIONS) sections.push({ code, bytes: raw.subarray(start, at) });
  }
  return sections;
}

/** The position after a value. The upper half of the value's constructor determines its length. */
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
