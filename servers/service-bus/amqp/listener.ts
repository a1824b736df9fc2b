import type { Socket } from "node:net";
import rhea, { type Connection, type EventContext, type Receiver, type Sender } from "rhea";
import { asRefusal, type Refusal, refusals } from "../broker/refusal.ts";
import { assertGranted, handleTokenRequest } from "./cbs.ts";
import { serveSocket } from "./connection.ts";
import type { ClientConnection, EntityLink, ServerContext } from "./context.ts";
import { MAX_CHANNEL, MAX_FRAME_BYTES } from "./frames.ts";
import { IncomingLink } from "./incoming.ts";
import { handleManagementRequest } from "./management.ts";
import { OutgoingLink } from "./outgoing.ts";
import { ReplyLink, serveRequests } from "./requests.ts";
import { setAttachFields } from "./rhea.ts";
import { signIn } from "./sasl.ts";
import { asksForSession, SessionLink } from "./session-link.ts";
import { guardSession, isForeign, limitMessages, nameOf, newLinkLimits } from "./session.ts";

/** The node for claims-based security, where clients put their tokens. */
const TOKENS = "$cbs";
const MANAGEMENT = "/$management";
/** Largest request with a token. A token has a few kilobytes. */
const MAX_TOKEN_BYTES = 65_536;
const CONNECTION = {
  max_frame_size: MAX_FRAME_BYTES,
  channel_max: MAX_CHANNEL,
  idle_time_out: 240_000,
  reconnect: false,
  tcp_no_delay: true,
  // rhea keeps deliveries in a ring until the oldest one is settled, so it has to hold more than a client leaves unsettled.
  session_buffer_size: { incoming: 8_192, outgoing: 65_536 },
  receiver_options: { autoaccept: false, credit_window: 0 },
  sender_options: { autosettle: false, treat_modified_as_released: false },
};

/** The AMQP side of the server: accepts connections, and attaches each link to a queue or to a request handler. */
export class Listener {
  readonly #context: ServerContext;
  readonly #container = rhea.create_container({ id: "queueport-service-bus-server" });
  readonly #clients = new Map<Connection, ClientConnection>();

  constructor(context: ServerContext) {
    this.#context = context;
    const container = this.#container;
    container.on("receiver_open", (event: EventContext) => this.#opened(event, event.receiver));
    container.on("sender_open", (event: EventContext) => this.#opened(event, event.sender));
    container.on("session_open", ({ connection, session }: EventContext) => {
      const client = this.#clients.get(connection);
      if (client !== undefined && session !== undefined) guardSession(session, client.limits);
    });
    container.on("session_close", ({ connection, session }: EventContext) => {
      const { links, replyLinks } = this.#clients.get(connection) ?? {};
      for (const [name, link] of replyLinks ?? []) if (link.isOf(session)) replyLinks?.delete(name);
      for (const [link, of] of links ?? []) {
        if (of !== session) continue;
        links?.delete(link);
        link.ended("closed");
      }
    });
    for (const name of ["connection_close", "disconnected"])
      container.on(name, ({ connection }: EventContext) => this.#gone(connection));
    // An error with which a client closes. The server has nobody to report it to.
    for (const name of ["error", "connection_error"]) container.on(name, () => {});
  }

  /** @param onOpen called when the client has opened the connection */
  accept(socket: Socket, onOpen: () => void): void {
    const client: ClientConnection = {
      grants: new Map(),
      links: new Map(),
      replyLinks: new Map(),
      limits: newLinkLimits(),
    };
    const connection = serveSocket(this.#container, socket, CONNECTION, {
      onOpen,
      onSaslInit: (init) => {
        const access = signIn(init, this.#context.keys);
        if (access === "everything") client.grants.set("", { path: "", until: Number.POSITIVE_INFINITY });
        return access !== undefined;
      },
    });
    this.#clients.set(connection, client);
    this.#context.counts.connections += 1;
    socket.on("close", () => this.#gone(connection));
  }

  /** Detaches all links, or those of one queue and its dead letters. Returns the number of links. */
  detach(queue: string | undefined, refusal: Refusal): number {
    let count = 0;
    for (const { links } of this.#clients.values()) {
      for (const link of links.keys()) {
        const name = link.path.replace(/\/\$DeadLetterQueue$/i, "").toLowerCase();
        if (queue !== undefined && name !== queue.toLowerCase()) continue;
        link.detach(refusal);
        count += 1;
      }
    }
    return count;
  }

  /** Detaches the links on which clients send to a queue. The queue itself ends the links that receive from it. */
  closeSenders(queue: string, refusal: Refusal): void {
    for (const { links } of this.#clients.values()) {
      for (const link of links.keys())
        if (link instanceof IncomingLink && link.path === queue) link.detach(refusal);
    }
  }

  #gone(connection: Connection): void {
    const client = this.#clients.get(connection);
    this.#clients.delete(connection);
    for (const link of client?.links.keys() ?? []) link.ended("lost");
  }

  #opened({ connection, session }: EventContext, link: Sender | Receiver | undefined): void {
    const client = this.#clients.get(connection);
    if (client === undefined || link === undefined || session === undefined) return;
    try {
      this.#echo(link);
      if (isForeign(link))
        throw refusals.notImplemented("A link leads to a queue. There are no transactions.");
      if (link.is_sender()) this.#serveReceiver(link as Sender, client);
      else this.#serveSender(link as Receiver, client);
    } catch (error) {
      const { condition, message } = asRefusal(error);
      // An attach without the server's node says that the link will be closed, so that the client waits for the reason.
      setAttachFields(link, link.is_sender() ? { source: undefined } : { target: undefined });
      link.close({ condition, description: message });
    }
  }

  /** Confirms the source, the target and the settle modes that the client has asked for. */
  #echo(link: Sender | Receiver): void {
    const { source, target, snd_settle_mode: sends, rcv_settle_mode: receives } = link;
    // Without the filter of the source: to repeat a session filter is to confirm the session, which is not locked yet.
    link.set_source(addressed(source));
    link.set_target(addressed(target));
    setAttachFields(link, { snd_settle_mode: sends, rcv_settle_mode: receives });
  }

  /** Serves a link on which a client sends messages or requests. */
  #serveSender(receiver: Receiver, client: ClientConnection): void {
    const to = addressOf(receiver.target);
    const { namespace } = this.#context;
    if (to === TOKENS) {
      limitMessages(receiver, MAX_TOKEN_BYTES);
      serveRequests(receiver, client, (request) => handleTokenRequest(request, client, this.#context));
      return;
    }
    assertGranted(client, to);
    if (to.toLowerCase().endsWith(MANAGEMENT)) {
      const path = to.slice(0, -MANAGEMENT.length);
      const entity = namespace.entity(path);
      limitMessages(receiver, this.#context.maxMessageBytes + MAX_TOKEN_BYTES);
      serveRequests(receiver, client, (request) => handleManagementRequest(entity, request, this.#context));
    } else {
      const entity = namespace.entity(to);
      if (entity.deadLetters === undefined)
        throw refusals.notAllowed(`Messages cannot be sent to the sub-queue '${to}'.`);
      this.#serve(new IncomingLink(receiver, entity, this.#context), receiver, client, "receiver_close");
    }
  }

  /** Serves a link on which a client receives messages or replies. */
  #serveReceiver(sender: Sender, client: ClientConnection): void {
    const from = addressOf(sender.source);
    if (from !== TOKENS) assertGranted(client, from);
    if (from === TOKENS || from.toLowerCase().endsWith(MANAGEMENT)) {
      if (from !== TOKENS) this.#context.namespace.entity(from.slice(0, -MANAGEMENT.length));
      const replies = new ReplyLink(sender);
      const names = [nameOf(sender), addressOf(sender.target)].filter((name) => name !== "");
      for (const name of names) client.replyLinks.set(name, replies);
      sender.on("sender_close", () => {
        for (const name of names) if (client.replyLinks.get(name) === replies) client.replyLinks.delete(name);
      });
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
      entity.consumers.attach(link);
      this.#serve(link, sender, client, "sender_close");
      return;
    }
    if (!asksForSession(sender))
      throw refusals.notAllowed(
        "It is not possible for an entity that requires sessions to create a non-sessionful message receiver.",
      );
    this.#serve(new SessionLink(sender, entity, sessions, this.#context), sender, client, "sender_close");
  }

  #serve(served: EntityLink, link: Sender | Receiver, client: ClientConnection, closes: string): void {
    this.#context.counts.linksAttached += 1;
    client.links.set(served, link.session);
    link.on(closes, () => {
      client.links.delete(served);
      served.ended("closed");
    });
    link.on(closes.replace("close", "error"), () => {});
  }
}

/** The address of a link's source or target; empty if the client has given none. */
function addressOf(terminus: { readonly address?: string | undefined } | null): string {
  return terminus?.address ?? "";
}

function addressed(terminus: Parameters<typeof addressOf>[0]): { address: string } {
  const address = addressOf(terminus);
  return (address === "" ? {} : { address }) as { address: string };
}
