import type { Delivery, Sender } from "rhea";
import type { Consumer } from "../broker/consumers.ts";
import type { Entity } from "../broker/entity.ts";
import type { BrokerMessage, Properties, SettleOutcome } from "../broker/message.ts";
import { asRefusal, type Refusal } from "../broker/refusal.ts";
import type { EntityLink, ServerContext } from "./context.ts";
import { accepted, rejected, settle, settleAlone } from "./rhea.ts";
import { SenderCredit } from "./sender-credit.ts";
import { tagOf, tokenOf, writeMessage } from "./wire.ts";

/** The sender settle mode of a client that receives and deletes. */
const SETTLED = 1;
let tagsWithoutLock = 0;

interface RemoteState {
  readonly undeliverable_here?: boolean;
  readonly message_annotations?: Properties;
  readonly error?: { readonly condition?: string; readonly info?: Properties };
}

/** A link on which a client receives. It sends messages as far as there is credit, and applies the client's outcomes. */
export class OutgoingLink implements EntityLink, Consumer {
  readonly path: string;
  readonly deletes: boolean;
  readonly #sender: Sender;
  readonly #entity: Entity;
  readonly #context: ServerContext;
  readonly #credit: SenderCredit;

  constructor(sender: Sender, entity: Entity, context: ServerContext) {
    this.path = entity.path;
    this.deletes = sender.snd_settle_mode === SETTLED;
    this.#sender = sender;
    this.#entity = entity;
    this.#context = context;
    this.#credit = new SenderCredit(sender, () => this.pump());
    this.#listen();
  }

  get credit(): number {
    return this.#credit.left;
  }

  get isIdle(): boolean {
    return this.#credit.isUsedUp;
  }

  deliver(message: BrokerMessage): void {
    const tag =
      message.lock === undefined ? Buffer.from(String((tagsWithoutLock += 1))) : tagOf(message.lock.token);
    this.#credit.use();
    this.#context.counts.transfersOut += 1;
    this.#sender.send(writeMessage(message), tag, 0);
  }

  detach({ condition, message }: Refusal): void {
    this.#sender.close({ condition, description: message });
  }

  end(refusal: Refusal): void {
    this.detach(refusal);
  }

  ended(_how: "closed" | "lost"): void {
    this.#entity.consumers.detach(this);
  }

  /** Delivers messages. Called at each flow of the client. */
  protected pump(): void {
    this.#entity.consumers.offer(this);
  }

  #listen(): void {
    const sender = this.#sender;
    const settleAs = (outcomeOf: (state: RemoteState) => SettleOutcome) => (event: { delivery: Delivery }) =>
      this.#settle(event.delivery, outcomeOf(event.delivery.remote_state ?? {}));
    sender.on(
      "accepted",
      settleAs(() => ({ kind: "complete" })),
    );
    sender.on(
      "released",
      settleAs(() => ({ kind: "abandon", properties: {} })),
    );
    sender.on(
      "modified",
      settleAs(({ undeliverable_here: defers, message_annotations: properties }) => ({
        kind: defers === true ? "defer" : "abandon",
        properties: properties ?? {},
      })),
    );
    sender.on(
      "rejected",
      settleAs(({ error }) => deadLetterOutcome(error?.info ?? {})),
    );
  }

  #settle(delivery: Delivery, outcome: SettleOutcome): void {
    const { faults, counts } = this.#context;
    if (this.deletes) return;
    counts.settlements += 1;
    let answer = (): void => settle(delivery, accepted());
    try {
      faults.beforeSettlement(this.path);
      this.#entity.settle(tokenOf(delivery.tag), outcome);
    } catch (error) {
      const { condition, message } = asRefusal(error);
      answer = () => settleAlone(delivery, rejected(condition, message));
    }
    if (!faults.answersSettlement(this.path)) return;
    if (faults.settlementDelayMs === 0) answer();
    else setTimeout(answer, faults.settlementDelayMs).unref();
  }
}

/** The outcome for a dead-letter request. Fields other than reason and description are properties to set. */
export function deadLetterOutcome(info: Properties): SettleOutcome {
  const { DeadLetterReason: reason, DeadLetterErrorDescription: description, ...properties } = info;
  return {
    kind: "dead_letter",
    reason: textOrNone(reason),
    description: textOrNone(description),
    properties,
  };
}

function textOrNone(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
