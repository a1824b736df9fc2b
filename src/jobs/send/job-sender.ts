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

/** The options of a send without any. */
export const NO_OPTIONS: JobSendOptions = Object.freeze({});

function copyOf(payload: unknown): unknown {
  try {
    return structuredClone(payload);
  } catch {
    return payload;
  }
}

/** Sends jobs. A plain job goes to the broker first; a job with an id, a key or a delay is recorded first. */
export class JobSender {
  readonly #context: JobsContext;
  readonly #limits: QueueLimits;
  readonly #dispatcher: Dispatcher;
  readonly #insertions: Insertions;

  constructor(context: JobsContext, limits: QueueLimits, dispatcher: Dispatcher) {
    this.#context = context;
    this.#limits = limits;
    this.#dispatcher = dispatcher;
    this.#insertions = new Insertions(context);
  }

  /** Synchronous up to the copy of the message, which the caller may change as soon as the call has returned. */
  send(input: NewMessage, options: JobSendOptions): Promise<SentJob> {
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
      if (!types.isTracked(message.type)) return this.#sendUntracked(queue, message, options);
      if (delayMs === 0 && !isKeyed) return this.#sendPlain(queue, message, options, now);
      checkStoreBorn(queue, message, options);
      return bear(
        { context: this.#context, limits: this.#limits, dispatcher: this.#dispatcher },
        { queue, message, tags: options.tags, createdAt: now },
        { ...options, delayMs },
      );
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** A job of a type that is not tracked: the broker alone knows of it. */
  async #sendUntracked(queue: string, message: NewMessage, options: JobSendOptions): Promise<SentJob> {
    const { delay, deadlineMs, signal, idempotencyKey } = options;
    if (idempotencyKey !== undefined)
      throw new QueueError(
        "not_supported",
        `send: jobs of type ${show(message.type)} are not tracked, so an idempotencyKey has no effect. Leave it out, or track the type.`,
        { queue },
      );
    const { id } = await this.#context.queue.send(queue, message, { delay, deadlineMs, signal });
    return { id, queue, created: true, tracked: false };
  }

  /** Broker first: the message is what must not be lost, and its claim creates a record that is missing. */
  #sendPlain(queue: string, input: JobMessage, options: JobSendOptions, createdAt: number): Promise<SentJob> {
    const admitted = this.#limits.admit(queue);
    if (admitted === undefined) return this.#carry(queue, input, options, createdAt);
    // The caller may change its message while the limit is looked at. The queue refuses a payload that is not JSON.
    const message = { ...input, payload: copyOf(input.payload) };
    return admitted.then(() => this.#carry(queue, message, options, createdAt));
  }

  #carry(queue: string, input: JobMessage, options: JobSendOptions, createdAt: number): Promise<SentJob> {
    const { deadlineMs, signal } = options;
    const id = newId(createdAt);
    const message = { ...input, id };
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
      return sending.then(() => Promise.reject(error));
    }
    return new Promise((resolve, reject) => {
      const ended = (tracked: boolean): void => resolve({ id, queue, created: true, tracked });
      sending.then(
        () => this.#insertions.insert(id, travelling === undefined ? job : travelling.recordOf(job), ended),
        reject,
      );
    });
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
