import type { Delivery, Receiver } from "rhea";
import type { Entity } from "../broker/entity.ts";
import { asRefusal, type Refusal, refusals } from "../broker/refusal.ts";
import type { EntityLink, ServerContext } from "./context.ts";
import { accepted, grantedCredit, rejected, setAttachFields, settle, settleAlone } from "./rhea.ts";
import { limitMessages, sizeOf } from "./session.ts";
import { unpackBatch } from "./sections.ts";
import { readMessage } from "./wire.ts";

/** The message format of a batch. */
const BATCH_FORMAT = 0x80013700;
const CREDIT = 1_000;

/** A link on which a client sends. The broker accepts or refuses each transfer. */
export class IncomingLink implements EntityLink {
  readonly path: string;
  readonly #receiver: Receiver;
  readonly #entity: Entity;
  readonly #context: ServerContext;

  constructor(receiver: Receiver, entity: Entity, context: ServerContext) {
    this.path = entity.path;
    this.#receiver = receiver;
    this.#entity = entity;
    this.#context = context;
    limitMessages(receiver, context.maxMessageBytes);
    setAttachFields(receiver, { max_message_size: context.maxMessageBytes });
    this.#topUpCredit();
    receiver.on("message", ({ message, delivery }: { message: unknown; delivery: Delivery }) => {
      this.#receive(message as Buffer, delivery);
      this.#topUpCredit();
    });
  }

  detach({ condition, message }: Refusal): void {
    this.#receiver.close({ condition, description: message });
  }

  ended(): void {}

  #receive(raw: Buffer, delivery: Delivery): void {
    const { counts, faults, maxMessageBytes } = this.#context;
    counts.transfersIn += 1;
    try {
      const bytes = sizeOf(delivery, raw);
      if (bytes > maxMessageBytes) throw refusals.tooLarge(bytes, maxMessageBytes);
      faults.beforeSend(this.path);
      const parts = delivery.format === BATCH_FORMAT ? unpackBatch(raw) : [raw];
      const { requiresSession } = this.#entity.settings;
      const messages = parts.map((part) => readMessage(part, requiresSession));
      this.#entity.enqueue(messages);
      counts.messagesIn += messages.length;
      if (faults.answersSend(this.path)) settle(delivery, accepted());
    } catch (error) {
      const { condition, message } = asRefusal(error);
      settleAlone(delivery, rejected(condition, message));
    }
  }

  #topUpCredit(): void {
    const credit = grantedCredit(this.#receiver);
    if (credit <= CREDIT / 2) this.#receiver.add_credit(CREDIT - credit);
  }
}
