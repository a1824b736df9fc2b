import rhea, { type Delivery, type Receiver, type Sender } from "rhea";

/**
 * Internals of rhea that its public typings lack: values, messages, links and deliveries. `connection.ts` and
 * `session.ts` have the internals of connections and sessions. All of them were read in the source of rhea 3.0.5.
 */

/** A value together with its AMQP type. */
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
  /** A long that is always encoded in eight bytes. */
  Long(value: number): Typed;
  Map32(values: readonly Typed[]): Typed;
  Null(): Typed;
  described(descriptor: Typed, value: Typed): Typed;
  unwrap(value: Typed): unknown;
}

/** Type codes of array elements. */
export const ARRAY = { long: 0x81, timestamp: 0x83, uuid: 0x98, string: 0xb1 } as const;

export const types: AmqpTypes = rhea.types as unknown as AmqpTypes;

/** The parts of a message decoded by rhea that the server reads. */
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

/** Encodes one section of a message. */
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

/** The encoding of an AMQP error. */
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
  source?: undefined;
  target?: undefined;
  max_message_size?: number;
  snd_settle_mode?: number;
  rcv_settle_mode?: number;
  properties?: Readonly<Record<string, unknown>>;
}

interface LinkInternals {
  readonly state: LinkState;
  readonly local: { readonly attach: Attach };
}

/** Sets fields of the server's attach. To be called before the attach is written. */
export function setAttachFields(link: Sender | Receiver, fields: Attach): void {
  const { attach } = (link as unknown as LinkInternals).local;
  for (const [name, value] of Object.entries(fields)) attach[name as keyof Attach] = value as never;
}

/** Withdraws the attach that rhea has queued. `link.open()` sends it later. To be called inside the open event. */
export function postponeAttach(link: Sender): void {
  const { state } = link as unknown as LinkInternals;
  state.local_open = false;
  state.open_requests -= 1;
}

/** Messages that a client may still send on a link. */
export function grantedCredit(receiver: Receiver): number {
  return (receiver as unknown as { readonly credit: number }).credit;
}

interface SenderInternals {
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  readonly _draining: boolean;
  _get_drain: () => boolean;
}

/** The credit of a link as rhea counts it. rhea subtracts a delivery only when it writes the delivery. */
export interface Credit {
  /** Credit from the client, less the deliveries that were written. */
  readonly given: number;
  /** Deliveries that were written, plus credit that was given back by a drain. */
  readonly used: number;
}

export function creditOf(sender: Sender): Credit {
  const { credit: given, delivery_count: used } = sender as unknown as SenderInternals;
  return { given, used };
}

/**
 * Confirms every drain. rhea confirms a drain only if there is credit left, but the SDK always waits for the
 * confirmation.
 * @param onDrained called with the credit that was given back
 * @returns a function to call after each flow; it returns true if a drain has started
 */
export function confirmDrains(sender: Sender, onDrained: (unused: number) => void): () => boolean {
  const internals = sender as unknown as SenderInternals;
  const isDraining = (): boolean => internals["_draining"];
  internals["_get_drain"] = () => {
    if (!isDraining()) return false;
    const unused = internals.credit;
    internals.delivery_count += unused;
    internals.credit = 0;
    onDrained(unused);
    return true;
  };
  return () => {
    // rhea writes the flow after all deliveries that were sent up to now.
    if (isDraining()) internals.issue_flow = true;
    return isDraining();
  };
}

/**
 * Settles a delivery in its own turn of the event loop. If two consecutive deliveries are settled in one turn, rhea
 * gives the second one the outcome of the first.
 */
export function settleAlone(delivery: Delivery, state: unknown): void {
  setImmediate(() => settle(delivery, state));
}

/**
 * Settles a delivery, and marks it as settled by the client too. The client does not confirm the settlement, and rhea
 * would otherwise keep the delivery in its ring forever.
 */
export function settle(delivery: Delivery, state: unknown): void {
  delivery.update(true, state);
  (delivery as { remote_settled: boolean }).remote_settled = true;
}

/** Sends a message that its receiver need not settle. */
export function sendSettled(sender: Sender, bytes: Buffer): void {
  (sender.send(bytes, undefined, 0) as { settled: boolean }).settled = true;
}
