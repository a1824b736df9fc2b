import type { Receiver, Sender, Session } from "rhea";
import { Refusal, refusals } from "../broker/refusal.ts";

/** The highest handle of a session, which the server's `begin` declares, and the links of one connection. */
const [MAX_HANDLE, MAX_LINKS] = [4_095, 8_192];
/** Messages of one connection whose last frame has not come. */
const MAX_INCOMPLETE = 64;
/** Frames of one message after which their contents are put together. Each small piece would keep its own buffer. */
const MAX_PIECES = 256;
/** Any message format other than 0, since rhea decodes messages of format 0. */
const RAW_FORMAT = 1;
/** Descriptors of sources and targets. */
const TERMINI: ReadonlySet<unknown> = new Set([0x28, 0x29, "amqp:source:list", "amqp:target:list"]);
const NOTHING: Buffer = Buffer.alloc(0);

/** Counts that the sessions of one connection share. */
export interface LinkLimits {
  links: number;
  /** Links on which a message has begun and not ended. */
  readonly incomplete: Set<object>;
}

export function newLinkLimits(): LinkLimits {
  return { links: 0, incomplete: new Set() };
}

/** A message that arrives in several frames. */
interface IncompleteDelivery {
  frames: Buffer[];
  settled: boolean;
  bytes?: number;
}

interface TransferFields {
  message_format?: number | null;
  readonly delivery_id?: number | null;
  readonly more?: boolean | null;
  readonly aborted?: boolean | null;
}

interface Link {
  name: string;
  credit: number;
  delivery_count: number;
  issue_flow: boolean;
  _incomplete?: IncompleteDelivery | undefined;
  maxBytes?: number;
  isForeign?: boolean;
  readonly state: { readonly local_open: boolean; readonly remote_open: boolean; need_open(): boolean };
  readonly local: { readonly attach: { name: string } };
  readonly remote: { handle?: number | undefined };
  is_receiver(): boolean;
  on_attach: (frame: object) => void;
  close(error?: { readonly condition: string; readonly description: string }): void;
}

interface Frame<Fields> {
  readonly performative: Fields;
  payload?: Buffer | undefined;
}

interface AttachFields {
  readonly name: string;
  readonly handle: number;
  /** True if the client receives. */
  readonly role: boolean;
  readonly initial_delivery_count?: number | null;
  source?: Terminus | null;
  target?: Terminus | null;
}

interface Terminus {
  readonly descriptor?: { readonly value: unknown };
}

interface FlowFields {
  next_incoming_id?: number | null;
  delivery_count?: number | null;
  readonly handle?: number | null;
  drain?: boolean | null;
  readonly echo?: boolean | null;
}

interface DispositionFields {
  readonly first: number;
  readonly last?: number | null;
  readonly settled?: boolean | null;
  readonly state?: unknown;
}

interface Deliveries {
  readonly deliveries: {
    get_head(): { readonly id: number } | undefined;
    get_tail(): { readonly id: number } | undefined;
    available(): number;
  };
  on_disposition: (fields: DispositionFields) => void;
}

interface Incoming extends Deliveries {
  next_transfer_id: number;
  on_transfer: (frame: Frame<TransferFields>, link: Link) => void;
}

/** Internals of rhea's sessions that its typings lack, read in the source of rhea 3.0.5. */
interface SessionInternals {
  readonly state: { need_open(): boolean };
  readonly local: {
    readonly begin: { handle_max?: number };
    readonly handles: Readonly<Record<number, Link | undefined>>;
  };
  readonly remote: { readonly handles: Record<number, Link | undefined> };
  readonly links: Record<string, Link | undefined>;
  readonly incoming: Incoming;
  readonly outgoing: Deliveries;
  create_sender: (key: string) => Link;
  create_receiver: (key: string) => Link;
  remove_link: (link: Link) => void;
  remove: () => void;
  output: (performative: unknown) => void;
  on_attach: (frame: Frame<AttachFields>) => void;
  on_flow: (frame: Frame<FlowFields>) => void;
  _process: () => void;
}

/**
 * Sets the largest message that a link takes, in bytes. If a message comes in several frames, the bytes above
 * the limit are dropped; {@link sizeOf} has its size. A link without a limit takes nothing that needs more than one frame.
 */
export function limitMessages(receiver: Receiver, maxBytes: number): void {
  (receiver as unknown as Link).maxBytes = maxBytes;
}

/** Bytes of a message as it was sent. */
export function sizeOf(delivery: object, received: Buffer | undefined): number {
  return (delivery as Partial<IncompleteDelivery>).bytes ?? received?.length ?? 0;
}

/** Number of messages that a session can take from the server before one of its messages is settled. */
export function roomOf(sender: Sender): number {
  return (sender.session as unknown as SessionInternals).outgoing.deliveries.available();
}

/** The name that the client has given to a link. */
export function nameOf(link: Sender | Receiver): string {
  return (link as unknown as Link).local.attach.name;
}

/** Whether a link has a source or target that is no node, such as the coordinator of transactions. */
export function isForeign(link: Sender | Receiver): boolean {
  return (link as unknown as Link).isForeign === true;
}

/**
 * Makes a session of rhea keep to AMQP 1.0, and puts a bound on everything that the client declares. To be called when
 * the session opens.
 */
export function guardSession(session: Session, limits: LinkLimits): void {
  const internals = session as unknown as SessionInternals;
  internals.local.begin.handle_max = MAX_HANDLE;
  attachByDirection(internals, limits);
  answerAttachFirst(internals);
  completeFlows(internals);
  boundTransfers(internals.incoming, limits);
  boundDispositions(internals.incoming);
  boundDispositions(internals.outgoing);
}

/**
 * Names of links are per direction, and rhea has one table for both. Each link therefore gets a key of its own in that
 * table. A name that is in use belongs to the newer link, as the specification of AMQP has it ("link stealing").
 */
function attachByDirection(session: SessionInternals, limits: LinkLimits): void {
  const byName = new Map<string, Link>();
  const { create_sender: createSender, create_receiver: createReceiver, remove_link: removeLink } = session;
  const present = new Set<Link>();
  let attached = 0;
  const forget = (link: Link): void => {
    if (present.delete(link)) limits.links -= 1;
    limits.incomplete.delete(link);
  };
  session.on_attach = (frame) => {
    const { name, handle, role, initial_delivery_count: initialCount } = frame.performative;
    if (handle > MAX_HANDLE) throw new Refusal("amqp:not-allowed", `A handle is above ${MAX_HANDLE}.`);
    if (session.remote.handles[handle]?.state.remote_open === true)
      throw new Refusal("amqp:session:handle-in-use", `The handle ${handle} has a link already.`);
    if (limits.links >= MAX_LINKS) throw refusals.tooMany(`links on one connection, ${MAX_LINKS}`);
    const direction = directionOf(role ? "to" : "from", name);
    const older = byName.get(direction);
    if (older?.state.remote_open === true)
      older.close({ condition: "amqp:link:stolen", description: `The link '${name}' was attached again.` });
    limits.links += 1;
    const key = `${(attached += 1)}`;
    const link = role ? createSender.call(session, key) : createReceiver.call(session, key);
    link.local.attach.name = name;
    present.add(link);
    byName.set(direction, link);
    session.remote.handles[handle] = link;
    if (!role) link.delivery_count = initialCount ?? 0;
    link.remote.handle = handle;
    for (const end of ["source", "target"] as const) {
      const { descriptor } = frame.performative[end] ?? {};
      if (descriptor === undefined || TERMINI.has(descriptor.value)) continue;
      link.isForeign = true;
      frame.performative[end] = null;
    }
    link.on_attach(frame);
  };
  session.remove_link = (link) => {
    forget(link);
    const direction = directionOf(link.is_receiver() ? "from" : "to", link.local.attach.name);
    if (byName.get(direction) === link) byName.delete(direction);
    const { handle = -1 } = link.remote;
    const successor = session.remote.handles[handle];
    removeLink.call(session, link);
    // A client may use the handle again as soon as it has detached the link.
    if (successor !== undefined && successor !== link) session.remote.handles[handle] = successor;
  };
  // The links of a session that ends are not detached one by one.
  const { remove } = session;
  session.remove = () => {
    for (const link of present) forget(link);
    remove.call(session);
  };
}

const directionOf = (direction: "from" | "to", name: string): string => `${direction} client: ${name}`;

/** Writes the answer to an attach before any message of its link. rhea writes messages first. */
function answerAttachFirst(session: SessionInternals): void {
  const { _process: run, output } = session;
  session["_process"] = () => {
    if (session.state.need_open()) output.call(session, session.local.begin);
    for (const key in session.links) {
      const link = session.links[key];
      if (link?.state.need_open() === true) output.call(session, link.local.attach);
    }
    run.call(session);
  };
}

/**
 * Completes a flow that a client has sent before it knows the server's counts, and answers a flow that asks for an answer.
 */
function completeFlows(session: SessionInternals): void {
  const { on_flow: flowed } = session;
  session.on_flow = (frame) => {
    const { performative: fields } = frame;
    fields.next_incoming_id ??= 0;
    const { handle } = fields;
    const link = typeof handle === "number" ? session.remote.handles[handle] : undefined;
    if (link !== undefined) fields.delivery_count ??= 0;
    // The server drains no sender, so a sender has nothing to answer.
    if (link?.is_receiver() === true) fields.drain = false;
    flowed.call(session, frame);
    if (fields.echo === true && link !== undefined) link.issue_flow = true;
  };
}

/** Makes messages arrive as bytes, as decoding and encoding them again would change the types of numbers. */
function boundTransfers(incoming: Incoming, { incomplete }: LinkLimits): void {
  const { on_transfer: received } = incoming;
  incoming.on_transfer = (frame, link) => {
    const { performative: fields } = frame;
    const begun = link["_incomplete"];
    if (begun === undefined && typeof fields.delivery_id !== "number")
      throw refusals.invalidField("the first transfer of a message has no delivery-id");
    if (link.is_receiver() && begun === undefined && link.credit <= 0)
      throw new Refusal("amqp:link:transfer-limit-exceeded", "A message was sent without credit for it.");
    if (fields.message_format === 0 || typeof fields.message_format !== "number")
      fields.message_format = RAW_FORMAT;
    const payload = frame.payload ?? NOTHING;
    const bytes = (begun?.bytes ?? 0) + payload.length;
    const isTooLarge = bytes > (link.maxBytes ?? 0);
    if (begun === undefined) frame.payload = isTooLarge && fields.more === true ? NOTHING : payload;
    else {
      begun.bytes = bytes;
      if (begun.frames.length >= MAX_PIECES) begun.frames = [Buffer.concat(begun.frames)];
      frame.payload = isTooLarge || payload.length === 0 ? undefined : payload;
    }
    if (fields.aborted === true && begun !== undefined) {
      incomplete.delete(link);
      abort(begun, link, incoming);
      return;
    }
    if (fields.more !== true) incomplete.delete(link);
    else if (incomplete.add(link).size > MAX_INCOMPLETE)
      throw refusals.tooMany(`messages whose end has not come, ${MAX_INCOMPLETE}`);
    received.call(incoming, frame, link);
    const unfinished = link["_incomplete"];
    if (unfinished !== undefined) unfinished.bytes = bytes;
  };
}

/** Drops a message that its sender has given up. It has used its credit, and is settled: nothing is answered. */
function abort(begun: IncompleteDelivery, link: Link, incoming: Incoming): void {
  begun.settled = true;
  link["_incomplete"] = undefined;
  link.credit -= 1;
  link.delivery_count += 1;
  incoming.next_transfer_id += 1;
}

/** Applies a disposition to the deliveries that there are. rhea counts through all numbers of its range, up to 2^32. */
function boundDispositions(side: Deliveries): void {
  const { on_disposition: disposed } = side;
  side.on_disposition = (fields) => {
    const [oldest, newest] = [side.deliveries.get_head(), side.deliveries.get_tail()];
    if (oldest === undefined || newest === undefined) return;
    const { settled, state } = fields;
    const first = Math.max(fields.first, oldest.id);
    const last = Math.min(fields.last ?? fields.first, newest.id);
    if (first <= last) disposed.call(side, { first, last, settled: settled ?? false, state });
  };
}
