import type { Delivery, Receiver } from "rhea";
import type { Entity } from "../broker/entity.ts";
import { asRefusal, type Refusal, refusals } from "../broker/refusal.ts";
import type { EntityLink, ServerContext } from "./context.ts";
import { accepted, rejected, setAttachFields, settle, settleAlone } from "./rhea.ts";
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
  #credit = 0;

  constructor(receiver: Receiver, entity: Entity, context: ServerContext) {
    this.path = entity.path;
    this.#receiver = receiver;
    this.#entity = entity;
    this.#context = context;
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
    this.#credit -= 1;
    counts.transfersIn += 1;
    try {
      if (raw.length > maxMessageBytes) throw refusals.tooLarge(raw.length, maxMessageBytes);
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
    if (this.#credit > CREDIT / 2) return;
    this.#receiver.add_credit(CREDIT - this.#credit);
    this.#credit = CREDIT;
  }
}
