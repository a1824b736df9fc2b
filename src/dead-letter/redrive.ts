import { sleep } from "../lib/clock.ts";
import { givenKey, ownKey } from "../message/own-key.ts";
import { requeueId } from "../message/requeue.ts";
import type { Connection } from "../transport/connection.ts";
import { defaults } from "../defaults.ts";
import type { Body, Delivery, Outgoing } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { isQueueError, QueueError } from "../errors.ts";
import { decodePayload, isEncoded } from "../message/codec.ts";
import { sha256 } from "../lib/hash.ts";
import type { Message, NewMessage } from "../message/message.ts";
import {
  ATTEMPT,
  DEAD_LETTER,
  DECIDED,
  JOB,
  NOT_BEFORE,
  REDRIVE,
  TARGET,
  UNKNOWN_SINCE,
  withSystemAttributes,
} from "../message/system-attributes.ts";
import { validatePayload } from "../message/schema.ts";
import { compose, type Composed, prepare } from "../send/prepare.ts";
import { encodePayload } from "../send/sending-hook.ts";
import type { Sender } from "../send/sender.ts";
import type { DeadLetter, RedriveOptions, RedriveResult, RedriveStep } from "../queue/dead-letters.ts";
import { originalAttributes } from "../message/dead-letter-info.ts";
import { matches, readDeadLetter } from "./read.ts";
import type { Callbacks, ScanDecision } from "./scan.ts";

export interface RedriveSetting {
  readonly connection: Connection;
  readonly sender: Sender;
  /** The queue whose dead letters are redriven. */
  readonly queue: string;
  /** The queue to which they are sent, and its traits. */
  readonly to: string;
  readonly traits: QueueTraits;
  readonly callbacks: Callbacks;
}

/** The message that is sent for a dead letter. */
interface RedrivenMessage {
  readonly outgoing: Outgoing;
  readonly changed?: NewMessage | undefined;
}

const FORGOTTEN = {
  [ATTEMPT]: undefined,
  [NOT_BEFORE]: undefined,
  [UNKNOWN_SINCE]: undefined,
  [DEAD_LETTER]: undefined,
  // With it, the message would be moved back without a run.
  [DECIDED]: undefined,
};

/** One redrive of a dead-letter queue: decides about each dead letter, and counts. */
export class Redrive {
  result: RedriveResult = { matched: 0, redriven: 0, skipped: 0, failed: 0 };
  readonly #setting: RedriveSetting;
  readonly #options: RedriveOptions;
  /**
   * Number of redriven messages by a 48-bit hash of their content. A worker may fail a message during the redrive; the hash
   * keeps it from being sent again and again. Counted, since messages without an id may be equal; hashed, to save memory.
   */
  readonly #sent = new Map<number, number>();
  #nextAt: number;

  constructor(setting: RedriveSetting, options: RedriveOptions) {
    this.#setting = setting;
    this.#options = options;
    this.#nextAt = setting.connection.clock.monotonic();
  }

  async decide(delivery: Delivery): Promise<ScanDecision> {
    const { connection, sender, queue, to } = this.#setting;
    const { dryRun = false } = this.#options;
    const reading = connection.format?.readingOf(queue);
    const deadLetter = readDeadLetter(delivery, queue, connection.clock.now(), reading);
    if (this.#isBack(delivery) || !matches(deadLetter, this.#options) || this.#isStopped) return "keep";
    this.#count({ matched: this.result.matched + 1 });
    let again: RedrivenMessage | undefined;
    try {
      again = await this.#again(delivery, deadLetter);
    } catch (error) {
      return this.#notRedriven({ deadLetter, outcome: "failed", error });
    }
    if (again === undefined) return this.#notRedriven({ deadLetter, outcome: "skipped" });
    if (!dryRun) {
      await this.#pace();
      if (this.#isStopped) return "keep";
      // Recorded before the send, since the message may be back before the send is confirmed.
      this.#record(again.outgoing);
      try {
        await sender.send(to, again.outgoing, defaults.sendDeadlineMs);
      } catch (error) {
        if (!isQueueError(error, "too_large")) throw error;
        return this.#notRedriven({ deadLetter, outcome: "failed", changed: again.changed, error });
      }
    }
    const { changed } = again;
    const redriven = (): void => {
      this.#count({ redriven: this.result.redriven + 1 });
      this.#report({ deadLetter, outcome: "redriven", changed });
    };
    const stayed = (error: unknown): void =>
      void this.#notRedriven({ deadLetter, outcome: "failed", changed, error });
    if (!dryRun) return { removed: redriven, stayed };
    redriven();
    return "keep";
  }

  #record({ body, attributes }: Outgoing): void {
    const life = lifeOf(body, attributes[REDRIVE]);
    this.#sent.set(life, (this.#sent.get(life) ?? 0) + 1);
  }

  /** Whether this redrive has sent the message. It is recognised by its body, the only part that is never rewritten. */
  #isBack({ body, attributes }: Delivery): boolean {
    const life = lifeOf(body, attributes[REDRIVE]);
    const count = this.#sent.get(life) ?? 0;
    if (count === 1) this.#sent.delete(life);
    else if (count > 1) this.#sent.set(life, count - 1);
    return count > 0;
  }

  get #isStopped(): boolean {
    return this.#options.signal?.aborted === true;
  }

  #notRedriven(step: RedriveStep & { readonly outcome: "skipped" | "failed" }): ScanDecision {
    this.#count({ [step.outcome]: this.result[step.outcome] + 1 });
    this.#report(step);
    return "keep";
  }

  #report(step: RedriveStep): void {
    this.#setting.callbacks.call(() => this.#options.onMessage?.(step));
  }

  #count(change: Partial<RedriveResult>): void {
    this.result = { ...this.result, ...change };
    this.#setting.callbacks.call(() => this.#options.onProgress?.(this.result));
  }

  /** @throws QueueError `not_supported` when the payload is encoded and there is no codec */
  async #decodePayload(message: Message): Promise<void> {
    const { connection, queue } = this.#setting;
    const { signal = new AbortController().signal } = this.#options;
    const codec = connection.format?.codec;
    if (codec !== undefined) await decodePayload(codec, message, { queue, signal });
    else if (isEncoded(message))
      throw new QueueError(
        "not_supported",
        `The payload of message ${message.id} is encoded, so that it cannot be transformed without the codec of its sender. Give the queue the codec, or redrive the message without a transform.`,
        { queue },
      );
  }

  async #compose(message: NewMessage): Promise<Composed> {
    const { connection, to } = this.#setting;
    const { clock, format, limits } = connection;
    const composed = compose(message, {}, clock.now(), format, to);
    if (format?.codec === undefined) return composed;
    const { maxMessageBytes: maxBytes } = limits;
    const terms = { queue: to, clock, deadlineMs: defaults.sendDeadlineMs, maxBytes };
    return encodePayload(format.codec, composed, terms);
  }

  /** Spaces sends evenly. */
  async #pace(): Promise<void> {
    const { clock } = this.#setting.connection;
    const { ratePerSecond, signal } = this.#options;
    if (ratePerSecond === undefined) return;
    const at = Math.max(this.#nextAt, clock.monotonic());
    this.#nextAt = at + 1_000 / ratePerSecond;
    await sleep(clock, at - clock.monotonic(), signal);
  }

  /** The message to send: as it was sent first, without its attempts, with its redrives counted. */
  async #again(delivery: Delivery, deadLetter: DeadLetter): Promise<RedrivenMessage | undefined> {
    const { to, traits } = this.#setting;
    const { transform } = this.#options;
    const { message, info } = deadLetter;
    const id = message?.id ?? delivery.brokerId;
    const dedupId = requeueId(id, "redrive", delivery);
    const generation = Number(delivery.attributes[REDRIVE] ?? 0) + 1;
    const marks = {
      [REDRIVE]: Number.isSafeInteger(generation) ? generation : 1,
      [TARGET]: traits.target,
      [JOB]: delivery.attributes[JOB],
    };
    const given =
      traits.ordering === "by_key" ? (info.orderingKey ?? givenKey(delivery.orderingKey)) : undefined;
    if (transform === undefined) {
      const attributes = withSystemAttributes(originalAttributes(delivery.attributes), {
        ...FORGOTTEN,
        ...marks,
      });
      const orderingKey = given ?? (traits.orderingKeyRequired ? ownKey(id) : undefined);
      const { body, native } = delivery;
      return { outgoing: { body, attributes, native, delayMs: 0, orderingKey, dedupId } };
    }
    if (message !== undefined) await this.#decodePayload(message);
    const changed = await transform(message, info, deadLetter);
    if (changed === undefined) return undefined;
    if (changed.schema !== undefined)
      await validatePayload(changed.schema, changed.type, changed.payload, "sent");
    const composed = await this.#compose({ id: message?.id ?? dedupId, orderingKey: given, ...changed });
    const { outgoing } = prepare(this.#setting.sender.target, to, traits, composed, {
      deadlineMs: defaults.sendDeadlineMs,
    });
    return {
      outgoing: { ...outgoing, attributes: withSystemAttributes(outgoing.attributes, marks), dedupId },
      changed,
    };
  }
}

function lifeOf(body: Body, generation: string | undefined): number {
  return sha256(`${generation} ${sha256(body).toString("hex")}`).readUIntBE(0, 6);
}
