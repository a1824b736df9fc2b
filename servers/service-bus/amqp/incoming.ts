import type { Delivery, Receiver } from "rhea";
import type { Entity } from "../broker/entity.ts";
import { Refusal } from "../broker/refusal.ts";
import type { Context, ServedLink } from "./context.ts";
import { accepted, answerAttach, rejected, settle, settleApart } from "./rhea.ts";
import { unpackBatch } from "./sections.ts";
import { readMessage } from "./wire.ts";
import { refusals } from "../broker/refusal.ts";

/** The message format by which a batch is known. */
const BATCH = 0x80013700;
const CREDIT = 1_000;

/** A client's sender: what arrives on it is stored, or refused. */
export class IncomingLink implements ServedLink {
  readonly path: string;
  readonly #receiver: Receiver;
  readonly #entity: Entity;
  readonly #context: Context;
  #credit = 0;

  constructor(receiver: Receiver, entity: Entity, context: Context) {
    this.path = entity.path;
    this.#receiver = receiver;
    this.#entity = entity;
    this.#context = context;
    answerAttach(receiver, { max_message_size: context.maxMessageBytes });
    this.#topUp();
    receiver.on("message", ({ message, delivery }: { message: unknown; delivery: Delivery }) => {
      this.#take(message as Buffer, delivery);
      this.#topUp();
    });
  }

  detach({ condition, message }: Refusal): void {
    this.#receiver.close({ condition, description: message });
  }

  closed(): void {}

  #take(raw: Buffer, delivery: Delivery): void {
    const { counts, faults, maxMessageBytes } = this.#context;
    this.#credit -= 1;
    counts.transfersIn += 1;
    try {
      if (raw.length > maxMessageBytes) throw refusals.tooLarge(raw.length, maxMessageBytes);
      faults.beforeSend(this.path);
      const parts = delivery.format === BATCH ? unpackBatch(raw) : [raw];
      const { requiresSession } = this.#entity.settings;
      const messages = parts.map((part) => readMessage(part, requiresSession));
      this.#entity.enqueue(messages);
      counts.messagesIn += messages.length;
      if (faults.answersSend(this.path)) settle(delivery, accepted());
    } catch (error) {
      const { condition, message } = asRefusal(error);
      settleApart(delivery, rejected(condition, message));
    }
  }

  #topUp(): void {
    if (this.#credit > CREDIT / 2) return;
    this.#receiver.add_credit(CREDIT - this.#credit);
    this.#credit = CREDIT;
  }
}

/** What cannot be read is the sender's mistake; what cannot be written down, this machine's. */
export function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const isSystem = error instanceof Error && "syscall" in error;
  return new Refusal(isSystem ? "amqp:internal-error" : "amqp:decode-error", String(error));
}
