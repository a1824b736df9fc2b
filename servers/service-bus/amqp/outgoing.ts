import type { Delivery, Sender } from "rhea";
import type { Entity } from "../broker/entity.ts";
import type { Consumer } from "../broker/line.ts";
import type { Settlement, StoredMessage } from "../broker/message.ts";
import type { Refusal } from "../broker/refusal.ts";
import type { Context, ServedLink } from "./context.ts";
import { asRefusal } from "./incoming.ts";
import { accepted, answerDrains, creditOf, rejected, settle, settleApart } from "./rhea.ts";
import { tagOf, tokenOf, writeMessage } from "./wire.ts";

/** The settle mode of a client that takes messages for good. */
const SETTLED = 1;
let unlockedTags = 0;

interface RemoteState {
  readonly undeliverable_here?: boolean;
  readonly message_annotations?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly condition?: string; readonly info?: Readonly<Record<string, unknown>> };
}

/** A client's receiver: messages go out on it as its credit allows, and its verdicts come back. */
export class OutgoingLink implements ServedLink, Consumer {
  readonly path: string;
  readonly deletes: boolean;
  readonly #sender: Sender;
  readonly #entity: Entity;
  readonly #context: Context;
  /** Given to rhea, which takes them off the credit only when it writes them. */
  #sent = 0;
  /** Credit that was given back unused, which counts as deliveries too. */
  #drained = 0;
  /** What is left of the credit is about to be given back. */
  #isDraining = false;

  constructor(sender: Sender, entity: Entity, context: Context) {
    this.path = entity.path;
    this.deletes = sender.snd_settle_mode === SETTLED;
    this.#sender = sender;
    this.#entity = entity;
    this.#context = context;
    this.#listen();
  }

  get credit(): number {
    if (this.#isDraining || !this.#sender.is_open()) return 0;
    const { given, used } = creditOf(this.#sender);
    return given - (this.#sent - (used - this.#drained));
  }

  deliver(message: StoredMessage): void {
    const tag =
      message.lock === undefined ? Buffer.from(String((unlockedTags += 1))) : tagOf(message.lock.token);
    this.#sent += 1;
    this.#context.counts.transfersOut += 1;
    this.#sender.send(writeMessage(message), tag, 0);
  }

  detach({ condition, message }: Refusal): void {
    this.#sender.close({ condition, description: message });
  }

  end(refusal: Refusal): void {
    this.detach(refusal);
  }

  closed(_how: "closed" | "lost"): void {
    this.#entity.line.detach(this);
  }

  /** Called whenever there is credit. */
  protected pump(): void {
    this.#entity.line.pump();
  }

  #listen(): void {
    const sender = this.#sender;
    const drainBegins = answerDrains(sender, (unused) => {
      this.#drained += unused;
      this.#isDraining = false;
    });
    sender.on("sender_flow", () => {
      this.pump();
      this.#isDraining = drainBegins();
    });
    const verdict = (read: (state: RemoteState) => Settlement) => (event: { delivery: Delivery }) =>
      this.#settle(event.delivery, read(event.delivery.remote_state ?? {}));
    sender.on(
      "accepted",
      verdict(() => ({ kind: "complete" })),
    );
    sender.on(
      "released",
      verdict(() => ({ kind: "abandon", properties: {} })),
    );
    sender.on(
      "modified",
      verdict(({ undeliverable_here: defers, message_annotations: properties }) => ({
        kind: defers === true ? "defer" : "abandon",
        properties: properties ?? {},
      })),
    );
    sender.on(
      "rejected",
      verdict(({ error }) => deadLetter(error?.info ?? {})),
    );
  }

  #settle(delivery: Delivery, settlement: Settlement): void {
    const { faults, counts } = this.#context;
    if (this.deletes) return;
    counts.settlements += 1;
    let answer = (): void => settle(delivery, accepted());
    try {
      faults.beforeSettlement(this.path);
      this.#entity.settle(tokenOf(delivery.tag), settlement);
    } catch (error) {
      const { condition, message } = asRefusal(error);
      answer = () => settleApart(delivery, rejected(condition, message));
    }
    if (!faults.answersSettlement(this.path)) return;
    if (faults.settlementDelayMs === 0) answer();
    else setTimeout(answer, faults.settlementDelayMs).unref();
  }
}

/** What the SDK puts beside reason and description are properties to set. */
export function deadLetter(info: Readonly<Record<string, unknown>>): Settlement {
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
