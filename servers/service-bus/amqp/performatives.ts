import { refusals } from "../broker/refusal.ts";
import { descriptorAt, type Elements, elementsAt, endOfValue } from "./values.ts";

/** Greatest number of values within each other in a frame. A filter or a property has a few. */
const MAX_DEPTH = 32;

/** Type codes by kind of field. A field may also be null, unless it is mandatory. */
const CODES = {
  bool: [0x41, 0x42, 0x56],
  ubyte: [0x50],
  ushort: [0x60],
  uint: [0x43, 0x52, 0x70],
  ulong: [0x44, 0x53, 0x80],
  binary: [0xa0, 0xb0],
  // Some clients send a symbol in place of a string, or the reverse.
  text: [0xa1, 0xb1, 0xa3, 0xb3],
  symbols: [0xa1, 0xb1, 0xa3, 0xb3, 0xe0, 0xf0],
  map: [0xc1, 0xd1],
  described: [0x00],
} as const;
type Kind = keyof typeof CODES;
const NULL = 0x40;

interface Performative {
  readonly name: string;
  readonly fields: readonly { readonly kinds: ReadonlySet<number>; readonly isMandatory: boolean }[];
}

/** @param fields names of kinds; `!` marks a mandatory field */
function performative(name: string, fields: string): Performative {
  return {
    name,
    fields: fields.split(" ").map((field) => ({
      kinds: new Set<number>(CODES[field.replace("!", "") as Kind]),
      isMandatory: field.endsWith("!"),
    })),
  };
}

/**
 * The performatives by their codes, with the kinds of their fields in order:
 * http://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-transport-v1.0-os.html (2012-10).
 */
const PERFORMATIVES: ReadonlyMap<number | string, Performative> = new Map<number | string, Performative>(
  (
    [
      [0x10, "open", "text! text uint ushort uint symbols symbols symbols symbols map"],
      [0x11, "begin", "ushort uint! uint! uint! uint symbols symbols map"],
      [
        0x12,
        "attach",
        "text! uint! bool! ubyte ubyte described described map bool uint ulong symbols symbols map",
      ],
      [0x13, "flow", "uint uint! uint! uint! uint uint uint uint bool bool map"],
      [0x14, "transfer", "uint! uint binary uint bool bool ubyte described bool bool bool"],
      [0x15, "disposition", "bool! uint! uint bool described bool"],
      [0x16, "detach", "uint! bool described"],
      [0x17, "end", "described"],
      [0x18, "close", "described"],
      [0x41, "sasl-init", "text! binary text"],
      [0x43, "sasl-response", "binary!"],
    ] as const
  ).flatMap(([code, name, fields]) => {
    const entry = performative(name, fields);
    return [
      [code, entry],
      [`amqp:${name}:list`, entry],
    ] as const;
  }),
);

/** States of a delivery that the server knows: received, accepted, rejected, released and modified. */
const STATES: ReadonlySet<number | string> = new Set<number | string>([
  0x23,
  0x24,
  0x25,
  0x26,
  0x27,
  "amqp:received:list",
  "amqp:accepted:list",
  "amqp:rejected:list",
  "amqp:released:list",
  "amqp:modified:list",
]);
const STATE_FIELDS: Readonly<Record<string, number>> = { transfer: 7, disposition: 4 };

/**
 * Checks a performative before it is decoded: its bytes, the kinds of its fields, and the state of a delivery. Returns its
 * name.
 * @throws Refusal `amqp:decode-error`, `amqp:invalid-field`, or `amqp:not-implemented` for a state of a transaction
 */
export function checkPerformative(bytes: Buffer, at: number, end: number): string {
  const described = descriptorAt(bytes, at, end);
  const found = described === undefined ? undefined : PERFORMATIVES.get(described.descriptor);
  if (described === undefined || found === undefined)
    throw refusals.malformed("a frame begins with no performative that a client sends");
  const { name, fields } = found;
  const list = listAt(bytes, described.valueAt, end, name);
  if (list.count > fields.length) throw refusals.invalidField(`${name} has ${list.count} fields`);
  let position = list.first;
  for (const [index, { kinds, isMandatory }] of fields.entries()) {
    const code = index < list.count ? bytes[position] : NULL;
    if (code === undefined || (code === NULL ? isMandatory : !kinds.has(code)))
      throw refusals.invalidField(`field ${index + 1} of ${name} is missing or has the wrong type`);
    if (index >= list.count) continue;
    if (code === 0) checkDescribed(bytes, position, list.end, STATE_FIELDS[name] === index);
    position = endOfValue(bytes, position, list.end, MAX_DEPTH);
  }
  if (position !== list.end) throw refusals.malformed(`the size of ${name} is not that of its fields`);
  return name;
}

/** Checks that a described value is a list, as termini, errors and states are, and that a state is known. */
function checkDescribed(bytes: Buffer, at: number, end: number, isState: boolean): void {
  const described = descriptorAt(bytes, at, end);
  if (described === undefined) return;
  if (isState && !STATES.has(described.descriptor))
    throw refusals.notImplemented("This state of a delivery is not supported; there are no transactions.");
  listAt(bytes, described.valueAt, end, "a described value");
}

function listAt(bytes: Buffer, at: number, end: number, name: string): Elements {
  const list = at < end ? elementsAt(bytes, at, end) : undefined;
  if (list === undefined || list.code === 0xc1 || list.code === 0xd1)
    throw refusals.malformed(`the fields of ${name} are no list`);
  return list;
}
