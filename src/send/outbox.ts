import type { Connection } from "../connection.ts";
import { channels, type SendEvent } from "../diagnostics.ts";
import type { QueueTraits } from "../driver/limits.ts";
import { describeError, isQueueError, QueueError } from "../errors.ts";
import type { NewMessage } from "../message.ts";
import type { SendOptions, SendOutcome, SendReceipt } from "../queue.ts";
import { validateInTime } from "../schema.ts";
import { show } from "../text.ts";
import type { Accepted } from "./pending.ts";
import { compose, type Composed, type Prepared, prepare } from "./prepare.ts";
import type { Dispatch, Sender } from "./sender.ts";
import { traitsInTime } from "./traits.ts";

/** A message that has passed every check, and how long it has left. */
type Ready = Prepared & Pick<Dispatch, "deadlineMs" | "isFirst" | "signal">;

/** Takes what callers give: has it checked, sent and told, and knows what has no outcome yet. */
export class Outbox {
  readonly #connection: Connection;
  readonly #sender: Sender;
  readonly #deadlineMs: number;
  #outstanding = 0;
  #idle: () => void = () => {};

  constructor(connection: Connection, sender: Sender, deadlineMs: number) {
    this.#connection = connection;
    this.#sender = sender;
    this.#deadlineMs = deadlineMs;
  }

  async send(queue: string, message: NewMessage, options: SendOptions): Promise<SendReceipt> {
    options.signal?.throwIfAborted();
    const deadlineMs = this.#deadlineOf(options);
    this.#outstanding += 1;
    let ready: Ready | undefined;
    try {
      const prepared = this.#prepare(queue, message, options, deadlineMs);
      ready = prepared instanceof Promise ? await prepared : prepared;
      return this.#sent(queue, ready, await this.#sender.dispatch(queue, ready.outgoing, ready));
    } catch (error) {
      if (ready !== undefined) this.#failed(queue, ready, error);
      throw error;
    } finally {
      this.#done(1);
    }
  }

  async sendBatch(
    queue: string,
    messages: readonly NewMessage[],
    options: SendOptions,
  ): Promise<SendOutcome[]> {
    if (!Array.isArray(messages)) {
      throw new QueueError(
        "invalid_options",
        `sendBatch takes an array of messages; got ${show(messages)}. send takes one.`,
        { queue },
      );
    }
    options.signal?.throwIfAborted();
    const deadlineMs = this.#deadlineOf(options);
    const refused = (index: number, error: unknown): SendOutcome => ({
      ok: false,
      id: idOf(messages[index]),
      error: sendError(queue, error),
    });
    const count = messages.length;
    this.#outstanding += count;
    try {
      // All of them are ready before the first goes: one whose schema takes its time keeps its place among the others.
      // A hole in the list is a message that is missing: map would pass it over.
      const preparing = Array.from(messages, async (message: NewMessage, index) => {
        try {
          return await this.#prepare(queue, message, options, deadlineMs);
        } catch (error) {
          return refused(index, error);
        }
      });
      const sending = (await Promise.all(preparing)).map(async (one, index): Promise<SendOutcome> => {
        if ("ok" in one) return one;
        try {
          return {
            ok: true,
            ...this.#sent(queue, one, await this.#sender.dispatch(queue, one.outgoing, one)),
          };
        } catch (error) {
          this.#failed(queue, one, error);
          return refused(index, error);
        }
      });
      return await Promise.all(sending);
    } finally {
      this.#done(count);
    }
  }

  /** Resolves when all that was given has its outcome. */
  async flush(): Promise<void> {
    if (this.#outstanding > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
  }

  #done(count: number): void {
    this.#outstanding -= count;
    if (this.#outstanding === 0) this.#idle();
  }

  #sent(queue: string, ready: Ready, { handle }: Accepted): SendReceipt {
    const { id } = ready.message;
    this.#publish(queue, ready, "sent");
    return handle === undefined ? { id } : { id, handle };
  }

  #failed(queue: string, ready: Ready, error: unknown): void {
    this.#publish(queue, ready, isQueueError(error, "send_unknown") ? "unknown" : "failed");
  }

  /** At once where there is nothing to wait for: neither the schema nor what the queue can do. */
  #prepare(
    queue: string,
    input: NewMessage,
    options: SendOptions,
    deadlineMs: number,
  ): Ready | Promise<Ready> {
    const { signal } = options;
    const { clock } = this.#connection;
    const startedAt = clock.now();
    // What travels is what was given: the receiver's own schema transforms it.
    const composed = compose(input, options, startedAt);
    const validating =
      input.schema === undefined ? undefined : validateInTime(input.schema, input, clock, deadlineMs);
    const known = this.#connection.knownTraits(queue);
    if (validating === undefined && known !== undefined)
      return this.#ready(queue, composed, known, deadlineMs, signal);
    const waitThen = async (): Promise<Ready> => {
      await validating;
      const traits =
        this.#connection.knownTraits(queue) ??
        (await traitsInTime(this.#connection, queue, deadlineMs, signal));
      const leftMs = Math.max(1, startedAt + deadlineMs - clock.now());
      return this.#ready(queue, composed, traits, leftMs, signal);
    };
    return waitThen();
  }

  #ready(
    queue: string,
    composed: Composed,
    traits: QueueTraits,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Ready {
    const { limits, driver, delays } = this.#connection;
    const to = { queue, provider: driver.provider, traits, limits, hasDelayStore: delays !== undefined };
    const { message, outgoing, bytes, delayMs, keepsOrder } = prepare(to, composed);
    return { message, outgoing, bytes, delayMs, keepsOrder, deadlineMs, isFirst: true, signal };
  }

  #deadlineOf({ deadlineMs = this.#deadlineMs }: SendOptions): number {
    if (Number.isFinite(deadlineMs) && deadlineMs > 0) return deadlineMs;
    throw new QueueError(
      "invalid_options",
      `deadlineMs must be a finite number of milliseconds, more than 0; got ${show(deadlineMs)}.`,
    );
  }

  #publish(queue: string, { message, delayMs }: Prepared, outcome: SendEvent["outcome"]): void {
    if (!channels.send.hasSubscribers) return;
    const { driver, source } = this.#connection;
    const { id, type } = message;
    channels.send.publish({ provider: driver.provider, queue, source, type, id, outcome, message, delayMs });
  }
}

/** Of what may be no message at all. */
function idOf(message: NewMessage | undefined): string | undefined {
  try {
    return message?.id;
  } catch {
    return undefined;
  }
}

function sendError(queue: string, error: unknown): QueueError {
  if (error instanceof QueueError) return error;
  const sentence = `The message was not sent to queue "${queue}": ${describeError(error)}.`;
  return new QueueError("send_failed", sentence, { queue, cause: error });
}
