import type { Receiver } from "rhea";
import type { Peer } from "./context.ts";
import { type Decoded, decodeMessage, encodeMessage, settle, accepted } from "./rhea.ts";

/** The answer to one request. */
export interface Reply {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

const CREDIT = 100;

/** Serves a link on which requests come, each answered on the link that its reply-to names, or not at all. */
export function serveRequests(
  receiver: Receiver,
  peer: Peer,
  answer: (request: Decoded) => Reply | undefined,
): void {
  receiver.add_credit(CREDIT);
  receiver.on("message", ({ message, delivery }) => {
    receiver.add_credit(1);
    settle(delivery, accepted());
    const request = decodeMessage(message as Buffer);
    const answered = answer(request);
    if (answered === undefined) return;
    const { properties, body } = answered;
    const reply = encodeMessage({
      correlation_id: request.message_id,
      application_properties: properties,
      body,
    });
    const sender = peer.replies.get(request.reply_to ?? "");
    if (sender === undefined || !sender.is_open()) return;
    const sent = sender.send(reply, undefined, 0);
    sent.update(true);
  });
}
