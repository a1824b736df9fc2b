import type { Delivery, Receiver, Sender } from "rhea";
import { asRefusal, refusals } from "../broker/refusal.ts";
import type { ClientConnection } from "./context.ts";
import {
  accepted,
  type Decoded,
  decodeMessage,
  encodeMessage,
  rejected,
  sendSettled,
  settle,
  settleAlone,
} from "./rhea.ts";
import { checkMessage } from "./sections.ts";
import { SenderCredit } from "./sender-credit.ts";
import { sizeOf } from "./session.ts";

/** The reply to one request. */
export interface Reply {
  readonly properties: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

const CREDIT = 100;
/** Replies, and bytes of replies, that are not written yet. A client that asks for more without taking them is refused. */
const [MAX_WAITING, MAX_WAITING_BYTES] = [100, 16_777_216];
/** Greatest number of values within each other in a request. */
const MAX_DEPTH = 32;

/** A link on which a client receives replies. A reply waits until the client has given credit for it. */
export class ReplyLink {
  readonly #sender: Sender;
  readonly #credit: SenderCredit;
  #waiting: Buffer[] = [];
  /** Sizes of the replies that rhea has, the latest of which are not written. */
  #sizes: number[] = [];

  constructor(sender: Sender) {
    this.#sender = sender;
    this.#credit = new SenderCredit(sender, () => this.#flush());
  }

  get isFull(): boolean {
    const { unwritten } = this.#credit;
    this.#sizes = unwritten > 0 ? this.#sizes.slice(-unwritten) : [];
    const bytes = this.#waiting.reduce((sum, { length }) => sum + length, 0);
    return (
      this.#waiting.length + unwritten >= MAX_WAITING ||
      this.#sizes.reduce((sum, size) => sum + size, bytes) >= MAX_WAITING_BYTES
    );
  }

  isOf(session: unknown): boolean {
    return this.#sender.session === session;
  }

  send(reply: Buffer): void {
    this.#waiting.push(reply);
    this.#flush();
  }

  #flush(): void {
    const count = Math.min(this.#credit.left, this.#waiting.length);
    if (count <= 0) return;
    for (const reply of this.#waiting.splice(0, count)) {
      this.#credit.use();
      this.#sizes.push(reply.length);
      sendSettled(this.#sender, reply);
    }
  }
}

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
  receiver.on("message", ({ message, delivery }: { message: unknown; delivery: Delivery }) => {
    receiver.add_credit(1);
    try {
      const bytes = message as Buffer;
      const size = sizeOf(delivery, bytes);
      if (size > bytes.length) throw refusals.tooLarge(size, bytes.length);
      serveRequest(bytes, connection, handle);
      settle(delivery, accepted());
    } catch (error) {
      const { condition, message: description } = asRefusal(error);
      settleAlone(delivery, rejected(condition, description));
    }
  });
}

function serveRequest(
  bytes: Buffer,
  connection: ClientConnection,
  handle: (request: Decoded) => Reply | undefined,
): void {
  checkMessage(bytes, MAX_DEPTH);
  const request = decodeMessage(bytes);
  const link = connection.replyLinks.get(request.reply_to ?? "");
  if (link?.isFull === true) throw refusals.tooMany(`replies that the client has not taken, ${MAX_WAITING}`);
  const reply = handle(request);
  if (reply === undefined) return;
  link?.send(
    encodeMessage({
      correlation_id: request.message_id,
      application_properties: reply.properties,
      body: reply.body,
    }),
  );
}
