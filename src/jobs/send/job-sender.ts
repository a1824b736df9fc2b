import { QueueError } from "../../errors.ts";
import { newId } from "../../lib/ids.ts";
import { show } from "../../lib/text.ts";
import type { EncodedPayload } from "../../message/codec.ts";
import { delayMs as readDelay } from "../../message/delay.ts";
import type { NewMessage } from "../../message/message.ts";
import type { JobsContext } from "../context.ts";
import type { Dispatcher } from "../dispatch/dispatcher.ts";
import type { NewStoredJob } from "../store/change.ts";
import { bear } from "./birth.ts";
import { asEncoded, type JobMessage, jobWithText, storedJob } from "./facts.ts";
import { Insertions } from "./insertions.ts";
import type { QueueLimits } from "./queue-limits.ts";
import { checkSendOptions, checkStoreBorn, type JobSendOptions } from "./send-options.ts";
import type { SentJob } from "./sent-job.ts";

/** A message that is nobody else's. */
type MutableMessage = { -readonly [Name in keyof JobMessage]: JobMessage[Name] };

/** The options of a send without any. */
export const NO_OPTIONS: JobSendOptions = Object.freeze({});

function copyOf(payload: unknown): unknown {
  try {
    return structuredClone(payload);
  } catch {
    return payload;
  }
}

/** The end of a send. Its functions are those of all sends, since a promise more would cost each of them. */
export interface SendEnd<Sent> {
  /** Called once for a job that was sent. Returns the value of the send. */
  readonly sent: (job: SentJob) => Sent;
  /** Called once for a send that failed. Throws its error. */
  readonly failed: (error: unknown) => never;
}

/** Sends jobs. A plain job goes to the broker first; a job with an id, a key or a delay is recorded first. */
export class JobSender<Sent> {
  readonly #context: JobsContext;
  readonly #limits: QueueLimits;
  readonly #dispatcher: Dispatcher;
  readonly #insertions: Insertions;
  readonly #end: SendEnd<Sent>;

  constructor(context: JobsContext, limits: QueueLimits, dispatcher: Dispatcher, end: SendEnd<Sent>) {
    this.#end = end;
    this.#context = context;
    this.#limits = limits;
    this.#dispatcher = dispatcher;
    this.#insertions = new Insertions(context);
  }

  /** Synchronous up to the copy of the message, which the caller may change as soon as the call has returned. */
  send(input: NewMessage, options: JobSendOptions): Promise<Sent> {
    const { sent, failed } = this.#end;
    try {
      if (typeof input !== "object" || input === null)
        throw new QueueError(
          "invalid_message",
          `A job is sent as a message with type and payload; got ${show(input)}.`,
        );
      if (options !== NO_OPTIONS) checkSendOptions("send", options);
      options.signal?.throwIfAborted();
      const { types, clock } = this.#context;
      const message = types.completed(input, options);
      const queue = types.queueOf(message, options.queue);
      const now = clock.now();
      const delayMs = options.delay === undefined ? 0 : readDelay(options.delay, now);
      const isKeyed = message.id !== undefined || options.idempotencyKey !== undefined;
      if (!types.isTracked(message.type))
        return this.#sendUntracked(queue, message, options).then(sent, failed);
      if (delayMs === 0 && !isKeyed && options.transaction === undefined)
        return this.#sendPlain(queue, message, options, now);
      checkStoreBorn(queue, message, options);
      return bear(
        { context: this.#context, limits: this.#limits, dispatcher: this.#dispatcher },
        { queue, message, tags: options.tags, createdAt: now },
        { ...options, delayMs },
      ).then(sent, failed);
    } catch (error) {
      return Promise.reject(error).catch(failed);
    }
  }

  /** To be called when all sends have an outcome. */
  close(): void {
    this.#insertions.close();
  }

  /** A job of a type that is not tracked: the broker alone knows of it. */
  async #sendUntracked(queue: string, message: NewMessage, options: JobSendOptions): Promise<SentJob> {
    const { delay, deadlineMs, signal, idempotencyKey, transaction } = options;
    if (idempotencyKey !== undefined)
      throw new QueueError(
        "not_supported",
        `send: jobs of type ${show(message.type)} are not tracked, so an idempotencyKey has no effect. Leave it out, or track the type.`,
        { queue },
      );
    const { id } = await this.#context.queue.send(queue, message, {
      delay,
      deadlineMs,
      signal,
      transaction,
    });
    return { id, queue, created: true, tracked: false };
  }

  /** Broker first: the message is what must not be lost, and its claim creates a record that is missing. */
  #sendPlain(
    queue: string,
    input: MutableMessage,
    options: JobSendOptions,
    createdAt: number,
  ): Promise<Sent> {
    const admitted = this.#limits.admit(queue);
    if (admitted === undefined) return this.#carry(queue, input, options, createdAt);
    // The caller may change its message while the limit is looked at. The queue refuses a payload that is not JSON.
    const message = { ...input, payload: copyOf(input.payload) };
    return admitted.then(() => this.#carry(queue, message, options, createdAt), this.#end.failed);
  }

  /** @param message is given its id */
  #carry(queue: string, message: MutableMessage, options: JobSendOptions, createdAt: number): Promise<Sent> {
    const { deadlineMs, signal } = options;
    const { sent, failed } = this.#end;
    const id = newId(createdAt);
    message.id = id;
    const { queue: managed } = this.#context;
    const travelling = managed.codec === undefined ? undefined : new Travelling();
    const onEncoded = travelling?.onEncoded;
    // The queue checks the message, and so has the first word about its faults.
    const sending = managed.sendManaged(queue, message, { deadlineMs, signal, createdAt, onEncoded });
    let job: NewStoredJob;
    try {
      const facts = { queue, message, tags: options.tags, createdAt };
      job = travelling === undefined ? jobWithText(facts) : storedJob(facts);
    } catch (error) {
      return sending.then(() => Promise.reject(error)).catch(failed);
    }
    return sending.then(() => {
      const recorded = this.#insertions.insert(id, travelling === undefined ? job : travelling.recordOf(job));
      return typeof recorded === "boolean"
        ? sent({ id, queue, created: true, tracked: recorded })
        : recorded.then((tracked) => sent({ id, queue, created: true, tracked }));
    }, failed);
  }
}

/** A message that goes through a codec. */
class Travelling {
  #isKnown = false;
  #encoded: EncodedPayload | undefined;

  readonly onEncoded = (encoded: EncodedPayload | undefined): void => {
    this.#isKnown = true;
    this.#encoded = encoded;
  };

  /** The record of the job. If an interceptor has taken the message over, the claim of a worker fills in how it travelled. */
  recordOf(job: NewStoredJob): NewStoredJob {
    return { ...job, message: this.#isKnown ? asEncoded(job.message, this.#encoded) : undefined };
  }
}
