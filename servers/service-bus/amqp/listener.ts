import type { Socket } from "node:net";
import rhea, { type Connection, type EventContext, type Receiver, type Sender } from "rhea";
import { type Refusal, refusals } from "../broker/refusal.ts";
import { answerToken, assertGranted } from "./cbs.ts";
import type { Context, Peer, ServedLink } from "./context.ts";
import { asRefusal, IncomingLink } from "./incoming.ts";
import { answerManagement } from "./management.ts";
import { OutgoingLink } from "./outgoing.ts";
import { serveRequests } from "./replies.ts";
import { answerAttach, receiveRaw, serveSocket } from "./rhea.ts";
import { asksForSession, SessionLink } from "./session-link.ts";

const TOKENS = "$cbs";
const MANAGEMENT = "/$management";
const CONNECTION = {
  max_frame_size: 65_536,
  channel_max: 4_095,
  idle_time_out: 240_000,
  reconnect: false,
  tcp_no_delay: true,
  // Deliveries stay in the ring until the head of it is settled: it has to hold more than a client ever has unsettled.
  session_buffer_size: { incoming: 8_192, outgoing: 65_536 },
  receiver_options: { autoaccept: false, credit_window: 0 },
  sender_options: { autosettle: false, treat_modified_as_released: false },
};

/** The AMQP side of the server: connections, and what each link on them is for. */
export class Listener {
  readonly #context: Context;
  readonly #container = rhea.create_container({ id: "queueport-service-bus-server" });
  readonly #peers = new Map<Connection, Peer>();

  constructor(context: Context) {
    this.#context = context;
    const container = this.#container;
    container.on("receiver_open", (event: EventContext) => this.#opened(event, event.receiver));
    container.on("sender_open", (event: EventContext) => this.#opened(event, event.sender));
    for (const name of ["connection_close", "disconnected"])
      container.on(name, ({ connection }: EventContext) => this.#gone(connection));
    // What a client does wrong ends its connection; there is nobody else to be told.
    for (const name of ["error", "protocol_error", "connection_error"]) container.on(name, () => {});
  }

  accept(socket: Socket): void {
    const connection = serveSocket(this.#container, socket, CONNECTION);
    this.#peers.set(connection, { grants: new Map(), links: new Set(), replies: new Map() });
    this.#context.counts.connections += 1;
    socket.on("close", () => this.#gone(connection));
  }

  /** Closes all links, or those to one queue and its dead letters. Returns how many. */
  detach(queue: string | undefined, refusal: Refusal): number {
    let count = 0;
    for (const { links } of this.#peers.values()) {
      for (const link of links) {
        const name = link.path.replace(/\/\$DeadLetterQueue$/i, "").toLowerCase();
        if (queue !== undefined && name !== queue.toLowerCase()) continue;
        link.detach(refusal);
        count += 1;
      }
    }
    return count;
  }

  /** Closes the links by which messages are sent to one queue. Those that receive end with it. */
  closeSenders(queue: string, refusal: Refusal): void {
    for (const { links } of this.#peers.values()) {
      for (const link of links) if (link instanceof IncomingLink && link.path === queue) link.detach(refusal);
    }
  }

  #gone(connection: Connection): void {
    const peer = this.#peers.get(connection);
    this.#peers.delete(connection);
    for (const link of peer?.links ?? []) link.closed("lost");
  }

  #opened({ connection, session }: EventContext, link: Sender | Receiver | undefined): void {
    const peer = this.#peers.get(connection);
    if (peer === undefined || link === undefined || session === undefined) return;
    receiveRaw(session);
    this.#echo(link);
    try {
      if (link.is_sender()) this.#serveReceiver(link as Sender, peer);
      else this.#serveSender(link as Receiver, peer);
    } catch (error) {
      const { condition, message } = asRefusal(error);
      link.close({ condition, description: message });
    }
  }

  /** Says of a link what its client has said. */
  #echo(link: Sender | Receiver): void {
    const { source, target, snd_settle_mode: sends, rcv_settle_mode: receives } = link;
    // A session filter is confirmed by being there: that is said with the session.
    link.set_source(addressed(source));
    link.set_target(addressed(target));
    answerAttach(link, { snd_settle_mode: sends, rcv_settle_mode: receives });
  }

  /** A client that sends: messages to a queue, or requests. */
  #serveSender(receiver: Receiver, peer: Peer): void {
    const to = addressOf(receiver.target);
    const { namespace } = this.#context;
    if (to === TOKENS) {
      serveRequests(receiver, peer, (request) => answerToken(request, peer, this.#context));
      return;
    }
    assertGranted(peer, to);
    if (to.toLowerCase().endsWith(MANAGEMENT)) {
      const path = to.slice(0, -MANAGEMENT.length);
      const entity = namespace.entity(path);
      serveRequests(receiver, peer, (request) => answerManagement(entity, request, this.#context));
    } else {
      const entity = namespace.entity(to);
      if (entity.deadLetters === undefined)
        throw refusals.notAllowed(`Messages cannot be sent to the sub-queue '${to}'.`);
      this.#serve(new IncomingLink(receiver, entity, this.#context), receiver, peer, "receiver_close");
    }
  }

  /** A client that receives: messages of a queue, or answers. */
  #serveReceiver(sender: Sender, peer: Peer): void {
    const from = addressOf(sender.source);
    if (from !== TOKENS) assertGranted(peer, from);
    if (from === TOKENS || from.toLowerCase().endsWith(MANAGEMENT)) {
      if (from !== TOKENS) this.#context.namespace.entity(from.slice(0, -MANAGEMENT.length));
      for (const name of [sender.name, addressOf(sender.target)])
        if (name !== "") peer.replies.set(name, sender);
      return;
    }
    const entity = this.#context.namespace.entity(from);
    const { sessions } = entity;
    if (sessions === undefined) {
      if (asksForSession(sender))
        throw refusals.notAllowed(
          "A sessionful message receiver cannot be created on an entity that does not require sessions.",
        );
      const link = new OutgoingLink(sender, entity, this.#context);
      entity.line.attach(link);
      this.#serve(link, sender, peer, "sender_close");
      return;
    }
    if (!asksForSession(sender))
      throw refusals.notAllowed(
        "It is not possible for an entity that requires sessions to create a non-sessionful message receiver.",
      );
    this.#serve(new SessionLink(sender, entity, sessions, this.#context), sender, peer, "sender_close");
  }

  #serve(served: ServedLink, link: Sender | Receiver, peer: Peer, closes: string): void {
    this.#context.counts.linksAttached += 1;
    peer.links.add(served);
    link.on(closes, () => {
      peer.links.delete(served);
      served.closed("closed");
    });
    link.on(closes.replace("close", "error"), () => {});
  }
}

/** Where a link leads; rhea has no terminus where the client said none. */
function addressOf(terminus: { readonly address?: string | undefined } | null): string {
  return terminus?.address ?? "";
}

function addressed(terminus: Parameters<typeof addressOf>[0]): { address: string } {
  const address = addressOf(terminus);
  return (address === "" ? {} : { address }) as { address: string };
}
