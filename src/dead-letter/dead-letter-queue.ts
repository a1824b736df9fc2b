import { cloneId } from "../clone.ts";
import { sleep } from "../clock.ts";
import { type Connection, queueError } from "../connection.ts";
import { defaults } from "../defaults.ts";
import type { Delivery, Outgoing } from "../driver/contract.ts";
import { decode } from "../envelope.ts";
import { QueueError } from "../errors.ts";
import type { Message } from "../message.ts";
import { ATTEMPT, DEAD_LETTER, NOT_BEFORE, REDRIVE, TARGET, UNKNOWN_SINCE, withMeta } from "../meta.ts";
import { validatePayload } from "../schema.ts";
import { compose, prepare } from "../send/prepare.ts";
import type { Sender } from "../send/sender.ts";
import { show } from "../text.ts";
import type {
  DeadLetter,
  DeadLetterFilter,
  DeadLetterInfo,
  DeadLetters,
  RedriveOptions,
  RedriveResult,
} from "./dead-letters.ts";
import { decodeInfo, originalAttributes } from "./letter.ts";
import { Scan, type Verdict } from "./scan.ts";

const LIST_LIMIT = 100;

/** The dead letters of one queue, on any driver. */
export class DeadLetterQueue implements DeadLetters {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #queue: string;

  constructor(connection: Connection, sender: Sender, queue: string) {
    this.#connection = connection;
    this.#sender = sender;
    this.#queue = queue;
  }

  async list(options: Parameters<DeadLetters["list"]>[0] = {}): Promise<DeadLetter[]> {
    const { limit = LIST_LIMIT } = options;
    if (!(limit >= 1)) throw this.#invalid("limit must be 1 or more", limit);
    const letters: DeadLetter[] = [];
    await this.#scan(
      (delivery) => {
        const letter = this.#read(delivery);
        if (matches(letter, options) && letters.length < limit) letters.push(letter);
        return Promise.resolve("keep");
      },
      () => letters.length >= limit,
    );
    return letters;
  }

  async redrive(options: RedriveOptions = {}): Promise<RedriveResult> {
    const { ratePerSecond, signal, dryRun = false } = options;
    if (ratePerSecond !== undefined && !(ratePerSecond > 0))
      throw this.#invalid("ratePerSecond must be more than 0", ratePerSecond);
    let result: RedriveResult = { matched: 0, redriven: 0, skipped: 0 };
    const count = (change: Partial<RedriveResult>): void => {
      result = { ...result, ...change };
      options.onProgress?.(result);
    };
    const pace = pacer(this.#connection, ratePerSecond);
    // A worker may fail what was redriven while this goes on: it is not sent round and round.
    const sent = new Set<string>();
    const judge = async (delivery: Delivery): Promise<Verdict> => {
      const letter = this.#read(delivery);
      const isBack = sent.has(`${letter.id} ${delivery.attributes[REDRIVE]}`);
      if (isBack || !matches(letter, options) || isAborted(signal)) return "keep";
      count({ matched: result.matched + 1 });
      const outgoing = await this.#again(delivery, letter, options.transform);
      if (outgoing === undefined) {
        count({ skipped: result.skipped + 1 });
        return "keep";
      }
      if (!dryRun) {
        await pace(signal);
        if (isAborted(signal)) return "keep";
        // Before the send, since it may be back before that is confirmed.
        sent.add(`${letter.id} ${outgoing.attributes[REDRIVE]}`);
        await this.#sender.send(this.#queue, outgoing, defaults.sendDeadlineMs, signal);
      }
      count({ redriven: result.redriven + 1 });
      return dryRun ? "keep" : "remove";
    };
    await this.#scan(judge, () => false, signal);
    return result;
  }

  async discard(options: DeadLetterFilter & { readonly signal?: AbortSignal | undefined }): Promise<number> {
    let discarded = 0;
    await this.#scan(
      (delivery) => {
        if (!matches(this.#read(delivery), options)) return Promise.resolve("keep");
        discarded += 1;
        return Promise.resolve("remove");
      },
      () => false,
      options.signal,
    );
    return discarded;
  }

  async #scan(
    judge: (delivery: Delivery) => Promise<Verdict>,
    enough: () => boolean,
    signal?: AbortSignal,
  ): Promise<void> {
    try {
      const traits = await this.#connection.traits(this.#queue);
      await new Scan(this.#connection, traits.deadLetterQueue, traits.fixedLeaseMs).run(
        judge,
        enough,
        signal,
      );
    } catch (error) {
      if (signal?.aborted === true) return;
      throw queueError(error, this.#queue, "read the dead letters of", this.#connection.driver.provider);
    }
  }

  #read(delivery: Delivery): DeadLetter {
    const attributes = originalAttributes(delivery.attributes);
    const noted = decodeInfo(delivery.attributes);
    // Among dead letters a message has a key of its own; what is read is the one that it came with.
    const orderingKey = noted === undefined ? delivery.orderingKey : noted.orderingKey;
    const decoded = decode({ ...delivery, attributes, orderingKey }, this.#connection.clock.now());
    const message = decoded.ok ? decoded.message : undefined;
    const info = noted ?? this.#brokersInfo(delivery, message);
    return { id: message?.id ?? delivery.brokerId, info, message, body: delivery.body };
  }

  /** For what the broker put here by itself, without a word of ours. */
  #brokersInfo(
    { deadLetter, enqueuedAt, deliveryCount }: Delivery,
    message: Message | undefined,
  ): DeadLetterInfo {
    return {
      reason: deadLetter === undefined ? "broker" : `broker:${deadLetter.reason}`,
      error: deadLetter?.description ?? "",
      attempts: deliveryCount,
      source: this.#queue,
      at: new Date(enqueuedAt ?? this.#connection.clock.now()),
      firstSeenAt: message?.createdAt,
    };
  }

  /** The message as it goes back: as it was sent at first, its attempts forgotten, its redrives counted. */
  async #again(
    delivery: Delivery,
    { message, info }: DeadLetter,
    transform: RedriveOptions["transform"],
  ): Promise<Outgoing | undefined> {
    const { clock, limits, driver } = this.#connection;
    const traits = await this.#connection.traits(this.#queue);
    const dedupId = cloneId(message?.id ?? delivery.brokerId, "redrive", delivery);
    const generation = Number(delivery.attributes[REDRIVE] ?? 0) + 1;
    const marks = { [REDRIVE]: Number.isSafeInteger(generation) ? generation : 1, [TARGET]: traits.target };
    const orderingKey =
      info.orderingKey ?? (delivery.orderingKey !== message?.id ? delivery.orderingKey : undefined);
    const key =
      traits.ordering === "by_key"
        ? (orderingKey ?? (traits.orderingKeyRequired ? dedupId : undefined))
        : undefined;
    if (transform === undefined) {
      const attributes = withMeta(originalAttributes(delivery.attributes), { ...forgotten, ...marks });
      return { body: delivery.body, attributes, delayMs: 0, orderingKey: key, dedupId };
    }
    if (message === undefined) return undefined;
    const changed = await transform(message, info);
    if (changed === undefined) return undefined;
    if (changed.schema !== undefined) await validatePayload(changed.schema, changed.type, changed.payload);
    const to = { queue: this.#queue, provider: driver.provider, traits, limits };
    const again = compose({ id: message.id, orderingKey: key, ...changed }, {}, clock.now());
    const { outgoing } = prepare(to, again);
    return { ...outgoing, attributes: withMeta(outgoing.attributes, marks), dedupId };
  }

  #invalid(expected: string, got: unknown): QueueError {
    return new QueueError(
      "invalid_options",
      `deadLetters("${this.#queue}"): ${expected}; got ${show(got)}.`,
      { queue: this.#queue },
    );
  }
}

const forgotten = {
  [ATTEMPT]: undefined,
  [NOT_BEFORE]: undefined,
  [UNKNOWN_SINCE]: undefined,
  [DEAD_LETTER]: undefined,
};

function matches({ id, info, message }: DeadLetter, { ids, type, reason, since }: DeadLetterFilter): boolean {
  if (ids !== undefined && !ids.includes(id)) return false;
  if (type !== undefined && message?.type !== type) return false;
  if (reason !== undefined && info.reason !== reason) return false;
  return since === undefined || info.at >= since;
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** Spaces calls evenly. */
function pacer(
  { clock }: Connection,
  ratePerSecond: number | undefined,
): (signal?: AbortSignal) => Promise<void> {
  let nextAt = clock.now();
  return async (signal) => {
    if (ratePerSecond === undefined) return;
    const at = Math.max(nextAt, clock.now());
    nextAt = at + 1_000 / ratePerSecond;
    await sleep(clock, at - clock.now(), signal);
  };
}
