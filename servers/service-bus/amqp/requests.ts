import type { Receiver } from "rhea";
import type { ClientConnection } from "./context.ts";
import { accepted, type Decoded, decodeMessage, encodeMessage, settle } from "./rhea.ts";

/** The reply to one request. */
export interface Reply {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

const CREDIT = 100;

/**
 * Serves a link that carries requests. Each reply goes out on the link that the request names in its reply-to.
 * @param handle returns the reply, or `undefined` to send none
 */
export function serveRequests(
  receiver: Receiver,
  connection: ClientConnection,
  handle: (request: Decoded) => Reply | undefined,
): void {
  receiver.add_credit(CREDIT);
  receiver.on("message", ({ message, delivery }) => {
    receiver.add_credit(1);
    settle(delivery, accepted());
    const request = decodeMessage(message as Buffer);
    const reply = handle(request);
    if (reply === undefined) return;
    const encoded = encodeMessage({
      correlation_id: request.message_id,
      application_properties: reply.properties,
      body: reply.body,
    });
    const sender = connection.replyLinks.get(request.reply_to ?? "");
    if (sender === undefined || !sender.is_open()) return;
    const sent = sender.send(encoded, undefined, 0);
    sent.update(true);
  });
}
