import { sleep } from "../lib/clock.ts";
import { requeueId } from "../message/requeue.ts";
import type { Connection } from "../transport/connection.ts";
import { defaults } from "../defaults.ts";
import type { Body, Delivery, Outgoing } from "../driver/contract.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { isQueueError } from "../errors.ts";
import { sha256 } from "../lib/hash.ts";
import type { NewMessage } from "../message/message.ts";
import {
  ATTEMPT,
  DEAD_LETTER,
  NOT_BEFORE,
  REDRIVE,
  TARGET,
  UNKNOWN_SINCE,
  withSystemAttributes,
} from "../message/system-attributes.ts";
import { validatePayload } from "../message/schema.ts";
import { compose, prepare } from "../send/prepare.ts";
import type { Sender } from "../send/sender.ts";
import type { Callbacks } from "./callbacks.ts";
import type { DeadLetter, RedriveOptions, RedriveResult, RedriveStep } from "../queue/dead-letters.ts";
import { matches } from "./filter.ts";
import { originalAttributes } from "../message/dead-letter-info.ts";
import { readDeadLetter } from "./read.ts";
import type { Verdict } from "./scan.ts";

export interface RedriveSetting {
  readonly connection: Connection;
  readonly sender: Sender;
  /** The queue whose dead letters they are. */
  readonly queue: string;
  /** Where they go, and what that queue can do. */
  readonly to: string;
  readonly traits: QueueTraits;
  readonly callbacks: Callbacks;
}

/** What is to be sent for a dead letter. */
interface Again {
  readonly outgoing: Outgoing;
  readonly changed?: NewMessage | undefined;
}

const FORGOTTEN = {
  [ATTEMPT]: undefined,
  [NOT_BEFORE]: undefined,
  [UNKNOWN_SINCE]: undefined,
  [DEAD_LETTER]: undefined,
};

/** One redrive on its way through a dead-letter queue: the judge over each letter, and the counts. */
export class Redrive {
  result: RedriveResult = { matched: 0, redriven: 0, skipped: 0, failed: 0 };
  readonly #setting: RedriveSetting;
  readonly #options: RedriveOptions;
  /**
   * A worker may fail what was redriven while this goes on: it is not sent round and round. Of each, by a number of 48
   * bits, since there may be very many of them, how many like it are out: those that nobody gave an id may be alike.
   */
  readonly #sent = new Map<number, number>();
  #nextAt: number;

  constructor(setting: RedriveSetting, options: RedriveOptions) {
    this.#setting = setting;
    this.#options = options;
    this.#nextAt = setting.connection.clock.now();
  }

  async judge(delivery: Delivery): Promise<Verdict> {
    const { connection, sender, queue, to } = this.#setting;
    const { dryRun = false } = this.#options;
    const letter = readDeadLetter(delivery, queue, connection.clock.now());
    if (this.#isBack(delivery) || !matches(letter, this.#options) || this.#isStopped) return "keep";
    this.#count({ matched: this.result.matched + 1 });
    let again: Again | undefined;
    try {
      again = await this.#again(delivery, letter);
    } catch (error) {
      return this.#left({ letter, outcome: "failed", error });
    }
    if (again === undefined) return this.#left({ letter, outcome: "skipped" });
    if (!dryRun) {
      await this.#pace();
      if (this.#isStopped) return "keep";
      // Before the send, since it may be back before that is confirmed.
      this.#note(again.outgoing);
      try {
        await sender.send(to, again.outgoing, defaults.sendDeadlineMs);
      } catch (error) {
        if (!isQueueError(error, "too_large")) throw error;
        return this.#left({ letter, outcome: "failed", changed: again.changed, error });
      }
    }
    const { changed } = again;
    const redriven = (): void => {
      this.#count({ redriven: this.result.redriven + 1 });
      this.#tell({ letter, outcome: "redriven", changed });
    };
    const stayed = (error: unknown): void => void this.#left({ letter, outcome: "failed", changed, error });
    if (!dryRun) return { removed: redriven, stayed };
    redriven();
    return "keep";
  }

  #note({ body, attributes }: Outgoing): void {
    const life = lifeOf(body, attributes[REDRIVE]);
    this.#sent.set(life, (this.#sent.get(life) ?? 0) + 1);
  }

  /** Whether this redrive has sent it before. Its body is what it is known by: that alone is never rewritten. */
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

  #left(step: RedriveStep & { readonly outcome: "skipped" | "failed" }): Verdict {
    this.#count({ [step.outcome]: this.result[step.outcome] + 1 });
    this.#tell(step);
    return "keep";
  }

  #tell(step: RedriveStep): void {
    this.#setting.callbacks.call(() => this.#options.onMessage?.(step));
  }

  #count(change: Partial<RedriveResult>): void {
    this.result = { ...this.result, ...change };
    this.#setting.callbacks.call(() => this.#options.onProgress?.(this.result));
  }

  /** Spaces sends evenly. */
  async #pace(): Promise<void> {
    const { clock } = this.#setting.connection;
    const { ratePerSecond, signal } = this.#options;
    if (ratePerSecond === undefined) return;
    const at = Math.max(this.#nextAt, clock.now());
    this.#nextAt = at + 1_000 / ratePerSecond;
    await sleep(clock, at - clock.now(), signal);
  }

  /** The message as it goes back: as it was sent at first, its attempts forgotten, its redrives counted. */
  async #again(delivery: Delivery, { message, info }: DeadLetter): Promise<Again | undefined> {
    const { connection, to, traits } = this.#setting;
    const { transform } = this.#options;
    const { clock } = connection;
    const dedupId = requeueId(message?.id ?? delivery.brokerId, "redrive", delivery);
    const generation = Number(delivery.attributes[REDRIVE] ?? 0) + 1;
    const marks = { [REDRIVE]: Number.isSafeInteger(generation) ? generation : 1, [TARGET]: traits.target };
    const orderingKey =
      info.orderingKey ?? (delivery.orderingKey !== message?.id ? delivery.orderingKey : undefined);
    const key =
      traits.ordering === "by_key"
        ? (orderingKey ?? (traits.orderingKeyRequired ? dedupId : undefined))
        : undefined;
    if (transform === undefined) {
      const attributes = withSystemAttributes(originalAttributes(delivery.attributes), {
        ...FORGOTTEN,
        ...marks,
      });
      return { outgoing: { body: delivery.body, attributes, delayMs: 0, orderingKey: key, dedupId } };
    }
    if (message === undefined) return undefined;
    const changed = await transform(message, info);
    if (changed === undefined) return undefined;
    if (changed.schema !== undefined) await validatePayload(changed.schema, changed.type, changed.payload);
    const composed = compose({ id: message.id, orderingKey: key, ...changed }, {}, clock.now());
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
