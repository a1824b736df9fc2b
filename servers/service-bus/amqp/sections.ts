import type { Properties } from "../broker/message.ts";
import { refusals } from "../broker/refusal.ts";
import { encodeSection, type Typed, types } from "./rhea.ts";
import { descriptorAt, elementsAt, endOfValue } from "./values.ts";

export const HEADER = 0x70;
const DELIVERY_ANNOTATIONS = 0x71;
export const MESSAGE_ANNOTATIONS = 0x72;
/** Descriptor of the properties section. */
export const PROPERTIES = 0x73;
export const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;
const SEQUENCE = 0x76;
const VALUE = 0x77;
const FOOTER = 0x78;

/** Greatest number of values within each other outside of the body. The broker reads all but the body. */
const MAX_DEPTH = 32;
/** Type codes of lists and of maps. */
const LISTS: readonly number[] = [0x45, 0xc0, 0xd0];
const MAPS: readonly number[] = [0xc1, 0xd1];
const BINARIES: readonly number[] = [0xa0, 0xb0];
const TEXTS: readonly number[] = [0xa1, 0xb1, 0xa3, 0xb3];
const UINTS: readonly number[] = [0x43, 0x52, 0x70];
const BOOLS: readonly number[] = [0x41, 0x42, 0x56];
const IDS: readonly number[] = [...BINARIES, 0xa1, 0xb1, 0x44, 0x53, 0x80, 0x98];
const NULL = 0x40;

/** A section of a message: http://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html (2012-10). */
interface SectionType {
  readonly code: number;
  readonly symbol: string;
  /** Type codes of the section's value; `undefined` for any. */
  readonly values?: readonly number[];
  /** Type codes of each field, or of each key and each value; `undefined` for any. */
  readonly elements?: readonly (readonly number[] | undefined)[];
  readonly isBody?: boolean;
}

const SECTIONS: readonly SectionType[] = [
  {
    code: HEADER,
    symbol: "amqp:header:list",
    values: LISTS,
    elements: [BOOLS, [0x50], UINTS, BOOLS, UINTS],
  },
  { code: DELIVERY_ANNOTATIONS, symbol: "amqp:delivery-annotations:map", values: MAPS },
  {
    code: MESSAGE_ANNOTATIONS,
    symbol: "amqp:message-annotations:map",
    values: MAPS,
    elements: [TEXTS, undefined],
  },
  {
    code: PROPERTIES,
    symbol: "amqp:properties:list",
    values: LISTS,
    // Message id, user id, to, subject, reply to, correlation id, content type and encoding, the times of expiry and
    // creation, group id, group sequence, and the group id for replies.
    elements: [IDS, BINARIES, TEXTS, TEXTS, TEXTS, IDS, TEXTS, TEXTS, [0x83], [0x83], TEXTS, UINTS, TEXTS],
  },
  {
    code: APPLICATION_PROPERTIES,
    symbol: "amqp:application-properties:map",
    values: MAPS,
    elements: [TEXTS, undefined],
  },
  { code: DATA, symbol: "amqp:data:binary", values: BINARIES, isBody: true },
  { code: SEQUENCE, symbol: "amqp:amqp-sequence:list", values: LISTS, isBody: true },
  { code: VALUE, symbol: "amqp:amqp-value:*", isBody: true },
  { code: FOOTER, symbol: "amqp:footer:map", values: MAPS },
];
const BY_DESCRIPTOR: ReadonlyMap<number | string, SectionType> = new Map(
  SECTIONS.flatMap((section): [number | string, SectionType][] => [
    [section.code, section],
    [section.symbol, section],
  ]),
);

/** A section of a message, by positions. */
export interface Section {
  readonly code: number;
  readonly start: number;
  readonly valueAt: number;
  readonly end: number;
}

/**
 * The sections of a message. Checks all of it before anything is decoded: which sections there are and in which order,
 * their types, the types of their fields, and every size and count. A receiver could not decode a damaged message, and
 * would not get what stands behind it.
 *
 * @param bodyDepth greatest number of values within each other in the body
 * @throws Refusal `amqp:decode-error`
 */
export function checkMessage(raw: Buffer, bodyDepth: number = Number.POSITIVE_INFINITY): Section[] {
  const sections: Section[] = [];
  let at = 0;
  while (at < raw.length) {
    const described = descriptorAt(raw, at, raw.length);
    const type = described === undefined ? undefined : BY_DESCRIPTOR.get(described.descriptor);
    if (described === undefined || type === undefined)
      throw refusals.malformed("a section of the message is of no known type");
    const { valueAt } = described;
    assertOrder(sections.at(-1)?.code, type);
    const value = raw[valueAt];
    if (type.values !== undefined && (value === undefined || !type.values.includes(value)))
      throw refusals.malformed(`the section ${type.symbol} has a value of another type`);
    const end = endOfValue(raw, valueAt, raw.length, type.isBody === true ? bodyDepth : MAX_DEPTH);
    checkElements(raw, valueAt, type);
    sections.push({ code: type.code, start: at, valueAt, end });
    at = end;
  }
  if (sections.length === 0) throw refusals.malformed("the message is empty");
  return sections;
}

/** Sections come in the order of their codes. Only data and sequence sections repeat, and a body is of one kind. */
function assertOrder(previous: number | undefined, { code, symbol, isBody }: SectionType): void {
  if (previous === undefined) return;
  const repeats = code === previous && (code === DATA || code === SEQUENCE);
  const isSecondBody = isBody === true && previous >= DATA;
  if (!repeats && (code <= previous || isSecondBody))
    throw refusals.malformed(`the section ${symbol} is out of its place`);
}

/** Checks the types of the fields of a list, or of the keys of a map. */
function checkElements(raw: Buffer, valueAt: number, { elements: kinds, values, symbol }: SectionType): void {
  if (kinds === undefined) return;
  const elements = elementsAt(raw, valueAt, raw.length);
  if (elements === undefined) return;
  const isList = values === LISTS;
  if (isList && elements.count > kinds.length)
    throw refusals.malformed(`the section ${symbol} has too many fields`);
  let at = elements.first;
  for (let index = 0; index < elements.count; index += 1) {
    const codes = kinds[index % kinds.length];
    const code = raw[at] as number;
    if (codes !== undefined && !codes.includes(code) && !(isList && code === NULL))
      throw refusals.malformed(`field ${index + 1} of the section ${symbol} is of another type`);
    at = endOfValue(raw, at, elements.end, MAX_DEPTH);
  }
}

/** The bytes of the section with this code; `undefined` if the message has none. */
export function sectionOf(raw: Buffer, sections: readonly Section[], code: number): Buffer | undefined {
  const section = sections.find((one) => one.code === code);
  return section === undefined ? undefined : raw.subarray(section.start, section.end);
}

/**
 * The messages of a batch. The envelope has one data section per message. Its other sections are copies of those of the
 * first message.
 * @throws Refusal `amqp:decode-error`
 */
export function unpackBatch(raw: Buffer): Buffer[] {
  return checkMessage(raw)
    .filter(({ code }) => code === DATA)
    .map(({ valueAt, end }) => raw.subarray(valueAt + (raw[valueAt] === 0xa0 ? 2 : 5), end));
}

/** Sets application properties of a bare message. All other properties keep their AMQP types. */
export function withProperties(bare: Buffer, changes: Properties, maxBytes?: number): Buffer {
  const names = new Set(Object.keys(changes));
  if (names.size === 0) return bare;
  const sections = checkMessage(bare);
  const old = sectionOf(bare, sections, APPLICATION_PROPERTIES);
  const pairs = old === undefined ? [] : (new types.Reader(old).read().value as Typed[]);
  const kept: Typed[] = [];
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const [key, value] = [pairs[index] as Typed, pairs[index + 1] as Typed];
    if (!names.has(String(key.value))) kept.push(key, value);
  }
  for (const name of names) kept.push(types.wrap_string(name), types.wrap(changes[name]));
  const section = encodeSection(APPLICATION_PROPERTIES, types.Map32(kept));
  if (maxBytes !== undefined && section.length > maxBytes) throw refusals.tooLarge(section.length, maxBytes);
  const after = sections.find(({ code }) => code > APPLICATION_PROPERTIES)?.start ?? bare.length;
  const before = sections.find(({ code }) => code >= APPLICATION_PROPERTIES)?.start ?? bare.length;
  return Buffer.concat([bare.subarray(0, before), section, bare.subarray(after)]);
}
