import type { Socket } from "node:net";
import rhea, { type Connection, type Delivery, type Receiver, type Sender, type Session } from "rhea";

/**
 * All that is used of rhea beyond its public typings, in one place. What each of these is for is said where it is
 * used; all were read in rhea 3.0.5.
 */

/** A value with its AMQP type. */
export interface Typed {
  readonly type: { readonly typecode: number };
  readonly value: unknown;
  readonly descriptor?: Typed;
}

interface Reader {
  position: number;
  read(): Typed;
}

interface Writer {
  write(value: Typed): void;
  toBuffer(): Buffer;
}

interface AmqpTypes {
  readonly Reader: new (buffer: Buffer) => Reader;
  readonly Writer: new () => Writer;
  wrap(value: unknown): Typed;
  wrap_boolean(value: boolean): Typed;
  wrap_ubyte(value: number): Typed;
  wrap_uint(value: number): Typed;
  wrap_int(value: number): Typed;
  wrap_ulong(value: number): Typed;
  wrap_long(value: number): Typed;
  wrap_string(value: string): Typed;
  wrap_symbol(value: string): Typed;
  wrap_binary(value: Buffer): Typed;
  wrap_timestamp(value: number): Typed;
  wrap_uuid(value: Buffer): Typed;
  wrap_list(values: readonly unknown[]): Typed;
  wrap_array(values: readonly unknown[], code: number): Typed;
  wrap_symbolic_map(map: object): Typed;
  /** A long of eight bytes, however small its value. */
  Long(value: number): Typed;
  Map32(values: readonly Typed[]): Typed;
  Null(): Typed;
  described(descriptor: Typed, value: Typed): Typed;
  unwrap(value: Typed): unknown;
}

/** The codes of the array elements that are used. */
export const ARRAY = { long: 0x81, timestamp: 0x83, uuid: 0x98, string: 0xb1 } as const;

export const types: AmqpTypes = rhea.types as unknown as AmqpTypes;

/** A message as rhea decodes it, as far as it is looked at. */
export interface Decoded {
  readonly message_id?: unknown;
  readonly reply_to?: string;
  readonly group_id?: string;
  readonly ttl?: number;
  readonly application_properties?: Readonly<Record<string, unknown>>;
  readonly message_annotations?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

export function decodeMessage(bytes: Buffer): Decoded {
  return rhea.message.decode(bytes) as Decoded;
}

export function encodeMessage(message: Readonly<Record<string, unknown>>): Buffer {
  return rhea.message.encode(message);
}

/** One section of a message on its own. */
export function encodeSection(code: number, value: Typed): Buffer {
  const writer = new types.Writer();
  writer.write(types.described(types.wrap_ulong(code), value));
  return writer.toBuffer();
}

const outcomes = rhea.message as unknown as {
  accepted(): { described(): unknown };
  rejected(fields: { readonly error: unknown }): { described(): unknown };
};

export const accepted = (): unknown => outcomes.accepted().described();

export function rejected(condition: string, description: string): unknown {
  return outcomes.rejected({ error: amqpError(condition, description) }).described();
}

/** An error that goes into a field of type error as it is. */
function amqpError(condition: string, description: string): unknown {
  return types.described(
    types.wrap_ulong(0x1d),
    types.wrap_list([types.wrap_symbol(condition), types.wrap_string(description)]),
  );
}

interface LinkState {
  local_open: boolean;
  open_requests: number;
}

interface Attach {
  max_message_size?: number;
  snd_settle_mode?: number;
  rcv_settle_mode?: number;
  properties?: Readonly<Record<string, unknown>>;
}

interface LinkInternals {
  readonly state: LinkState;
  readonly local: { readonly attach: Attach };
}

/** What the server says of its own end of a link; before the attach is answered. */
export function answerAttach(link: Sender | Receiver, fields: Attach): void {
  const { attach } = (link as unknown as LinkInternals).local;
  for (const [name, value] of Object.entries(fields)) attach[name as keyof Attach] = value as never;
}

/** Takes back the answer that rhea has queued for an attach; `link.open()` gives it later. Only inside the open event. */
export function holdAttach(link: Sender): void {
  const { state } = link as unknown as LinkInternals;
  state.local_open = false;
  state.open_requests -= 1;
}

interface SenderInternals {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  readonly _draining: boolean;
  _get_drain: () => boolean;
}

/** What rhea knows of the credit of a link: it takes deliveries off only when it writes them. */
export interface Credit {
  /** What the client has given and was not written yet. */
  readonly given: number;
  /** Deliveries that were written, and credit that was given back. */
  readonly used: number;
}

export function creditOf(sender: Sender): Credit {
  const { credit: given, delivery_count: used } = sender as unknown as SenderInternals;
  return { given, used };
}

/**
 * Answers drains, in every case: rhea itself does only where there is credit left, and the SDK waits for an answer.
 * Returns what is to be asked after each flow: whether a drain has begun. `ended` is told what was given back.
 */
export function answerDrains(sender: Sender, ended: (unused: number) => void): () => boolean {
  const internals = sender as unknown as SenderInternals;
  const isDraining = (): boolean => internals["_draining"];
  internals["_get_drain"] = () => {
    if (!isDraining()) return false;
    const unused = internals.credit;
    internals.delivery_count += unused;
    internals.credit = 0;
    ended(unused);
    return true;
  };
  return () => {
    // Flows are written after what was sent until now.
    if (isDraining()) internals.issue_flow = true;
    return isDraining();
  };
}

/**
 * Settles with an outcome that others do not have. rhea gives the second of two consecutive deliveries the outcome of
 * the first, where both are settled in one turn of the event loop: this one has a turn of its own.
 */
export function settleApart(delivery: Delivery, state: unknown): void {
  setImmediate(() => settle(delivery, state));
}

/**
 * Settles what the client has settled its part of. The client never confirms that, and rhea would keep the delivery in
 * its ring for ever: it is told that it was confirmed.
 */
export function settle(delivery: Delivery, state: unknown): void {
  delivery.update(true, state);
  (delivery as { remote_settled: boolean }).remote_settled = true;
}

interface TransferFrame {
  readonly performative: { message_format?: number };
}

interface SessionInternals {
  incoming: { on_transfer: (frame: TransferFrame, link: unknown) => void; isRaw?: boolean };
}

/** Any other than 0, which rhea would decode. */
const RAW_FORMAT = 1;

/** Makes messages of this session arrive as bytes: to decode and encode them again would change types of numbers. */
export function receiveRaw(session: Session): void {
  const { incoming } = session as unknown as SessionInternals;
  if (incoming.isRaw === true) return;
  incoming.isRaw = true;
  const original = incoming.on_transfer.bind(incoming);
  incoming.on_transfer = (frame, link) => {
    if (frame.performative.message_format === 0) frame.performative.message_format = RAW_FORMAT;
    original(frame, link);
  };
}

interface ConnectionInternals {
  accept(socket: Socket): Connection;
  _disconnected(): void;
}

/** Lets rhea serve a socket that somebody else has accepted. */
export function serveSocket(
  container: ReturnType<typeof rhea.create_container>,
  socket: Socket,
  options: object,
): Connection {
  const connection = container.create_connection(options as never) as unknown as ConnectionInternals;
  // A socket that is destroyed ends without the event that rhea stops its timers by.
  socket.on("close", () => connection["_disconnected"]());
  return connection.accept(socket);
}
