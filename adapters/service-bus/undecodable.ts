/** The fields of a decoded message that are checked. */
interface Decoded {
  absolute_expiry_time?: unknown;
  creation_time?: unknown;
}

/** A delivery that arrives in several frames has their contents here. */
interface RheaDelivery {
  frames?: Buffer[];
}

interface Frame {
  payload?: Buffer;
}

/** A link of rhea, as far as it is needed. Read in the source of rhea 3.0.5. */
export interface RheaLink {
  readonly session: { readonly incoming: Incoming };
  readonly observers: {
    on(event: "message", listener: (context: { readonly message: Decoded }) => void): void;
  };
  credit: number;
  delivery_count: number;
  _incomplete?: RheaDelivery | undefined;
}

interface Incoming {
  next_transfer_id: number;
  on_transfer: (frame: Frame, link: RheaLink) => void;
  readonly deliveries: { get_tail(): RheaDelivery | undefined };
}

/**
 * Makes a link deliver a message that cannot be decoded, with its encoded body in place of the body. rhea decodes while it
 * reads from the socket: an error there would end the connection, and with it the links of all queues, each time that the
 * message is delivered. One example is an AMQP value that is nested thousands deep, which a service need not read.
 */
export function deliverUndecodable(link: RheaLink): void {
  const { incoming } = link.session;
  const received = incoming.on_transfer;
  let wasDispatched = false;
  incoming.on_transfer = (frame, receiver) => {
    const begun = receiver["_incomplete"];
    // The list of a message in several frames. rhea adds the last one to it.
    const pieces = begun?.frames;
    const count = receiver.delivery_count;
    wasDispatched = false;
    try {
      received.call(incoming, frame, receiver);
    } catch (error) {
      const bytes = pieces === undefined ? frame.payload : Buffer.concat(pieces);
      const delivery = begun ?? incoming.deliveries.get_tail();
      // rhea counts a message right before it decodes the message. Any other error is not about the content.
      const isContent = receiver.delivery_count > count && !wasDispatched;
      if (!isContent || bytes === undefined || delivery === undefined) throw error;
      for (const payload of substitutes(bytes)) {
        // As before the last frame of the delivery, which rhea then takes from here.
        delivery.frames = [];
        receiver["_incomplete"] = delivery;
        receiver.credit += 1;
        receiver.delivery_count = count;
        incoming.next_transfer_id -= 1;
        frame.payload = payload;
        try {
          received.call(incoming, frame, receiver);
          return;
        } catch (failure) {
          if (wasDispatched) throw failure;
        }
      }
      throw error;
    }
  };
  link.observers.on("message", ({ message }) => {
    wasDispatched = true;
    // The SDK calls methods of these dates, in a function whose error nobody handles.
    for (const field of ["absolute_expiry_time", "creation_time"] as const)
      if (message[field] !== undefined && !(message[field] instanceof Date)) delete message[field];
  });
}

const HEADER = 0x70;
const MESSAGE_ANNOTATIONS = 0x72;
const PROPERTIES = 0x73;
const APPLICATION_PROPERTIES = 0x74;
const DATA = 0x75;
const VALUE = 0x77;

/**
 * Messages to decode in place of one that cannot be decoded, with less of it each. The body is the bytes of its sections,
 * which are no JSON, and so no message of ours. A body of bytes stays as it is: only other sections can be at fault then.
 * @yields encoded messages
 */
function* substitutes(bytes: Buffer): Iterable<Buffer> {
  const sections = sectionsOf(bytes);
  const bodies = sections.filter(({ code }) => code >= DATA && code <= VALUE);
  const encoded = Buffer.concat(bodies.map(({ section }) => section));
  const body = bodies.every(({ code }) => code === DATA) ? encoded : asData(encoded);
  const broker = [HEADER, MESSAGE_ANNOTATIONS];
  for (const kept of [[...broker, PROPERTIES, APPLICATION_PROPERTIES], [...broker, PROPERTIES], broker, []]) {
    const others = sections.filter(({ code }) => kept.includes(code));
    yield Buffer.concat([...others.map(({ section }) => section), body]);
  }
}

/** A data section with these bytes. */
function asData(bytes: Buffer): Buffer {
  const head = Buffer.from([0x00, 0x53, DATA, 0xb0, 0, 0, 0, 0]);
  head.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([head, bytes]);
}

interface Section {
  /** The descriptor. A section whose descriptor is not a number of one byte counts as a value. */
  readonly code: number;
  readonly section: Buffer;
}

/** The sections of a message, by their sizes. The last one has the rest, if a size is wrong. */
function sectionsOf(bytes: Buffer): Section[] {
  const sections: Section[] = [];
  for (let at = 0; at < bytes.length;) {
    const isShort = bytes[at + 1] === 0x53;
    const end = isShort ? endOfValue(bytes, at + 3) : bytes.length;
    sections.push({ code: isShort ? (bytes[at + 2] ?? VALUE) : VALUE, section: bytes.subarray(at, end) });
    at = end;
  }
  return sections;
}

/** Bytes of a value by the upper half of its type code: http://docs.oasis-open.org/amqp/core/v1.0/os (2012-10). */
const WIDTHS: Readonly<Record<number, number>> = { 4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16 };
const SIZE_IN_ONE_BYTE: ReadonlySet<number> = new Set([0xa, 0xc, 0xe]);
const SIZE_IN_FOUR_BYTES: ReadonlySet<number> = new Set([0xb, 0xd, 0xf]);

/** The position after a value, or the end of the bytes if the value goes beyond it. */
function endOfValue(bytes: Buffer, at: number): number {
  const kind = (bytes[at] ?? 0) >>> 4;
  const width = WIDTHS[kind];
  let end = bytes.length;
  if (width !== undefined) end = at + 1 + width;
  else if (SIZE_IN_ONE_BYTE.has(kind)) end = at + 2 + (bytes[at + 1] ?? bytes.length);
  else if (SIZE_IN_FOUR_BYTES.has(kind) && at + 5 <= bytes.length) end = at + 5 + bytes.readUInt32BE(at + 1);
  return Math.min(end, bytes.length);
}
