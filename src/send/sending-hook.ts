import type { Clock } from "../lib/clock.ts";
import { handled } from "../lib/rejection.ts";
import { show } from "../lib/text.ts";
import { within } from "../lib/wait.ts";
import { describeError, QueueError } from "../errors.ts";
import type { EncodedPayload, PayloadCodec } from "../message/codec.ts";
import { encodeWith } from "../message/envelope.ts";
import type { NewMessage } from "../message/message.ts";
import type { Interceptor, SendCall } from "../queue/interceptor.ts";
import type { SendReceipt } from "../queue/queue.ts";
import type { Composed } from "./prepare.ts";

type SendHook = NonNullable<Interceptor["send"]>;
type Send = (message: NewMessage) => Promise<SendReceipt>;

/** Sends a message through the interceptors, before its envelope is made. The first one is the outermost. */
export class SendInterceptors {
  readonly #hooks: readonly SendHook[];

  private constructor(hooks: readonly SendHook[]) {
    this.#hooks = hooks;
  }

  /** Returns undefined if no interceptor is concerned with sends. */
  static of(interceptors: readonly Interceptor[]): SendInterceptors | undefined {
    const hooks = interceptors.flatMap(({ send }) => (send === undefined ? [] : [send]));
    return hooks.length === 0 ? undefined : new SendInterceptors(hooks);
  }

  send(call: SendCall, send: Send): Promise<SendReceipt> {
    return this.#from(0, call, send);
  }

  /**
   * Sends several messages. Each waits until the ones before it have been prepared or given up, so that a slow interceptor
   * does not change their order. It does not wait for later ones, which an interceptor may hold back until then.
   */
  sendInOrder<P>(
    calls: readonly SendCall[],
    prepare: (message: NewMessage, call: SendCall) => Promise<P>,
    dispatch: (
      prepared: P,
      resolve: (receipt: SendReceipt) => void,
      reject: (error: unknown) => void,
    ) => void,
  ): Promise<SendReceipt>[] {
    let before: Promise<unknown> = Promise.resolve();
    return calls.map((call) => {
      const mayLeave = before;
      let left: () => void = () => {};
      before = Promise.all([mayLeave, new Promise<void>((resolve) => (left = resolve))]);
      const sending = this.send(call, async (message) => {
        const prepared = await prepare(message, call);
        await mayLeave;
        return new Promise((resolve, reject) => {
          dispatch(prepared, resolve, reject);
          left();
        });
      });
      return sending.finally(left);
    });
  }

  async #from(index: number, call: SendCall, send: Send): Promise<SendReceipt> {
    const hook = this.#hooks[index];
    if (hook === undefined) return send(call.message);
    let sending: Promise<SendReceipt> | undefined;
    let hasFailed = false;
    const next = (message: NewMessage = call.message): Promise<SendReceipt> => {
      // The interceptor may not look at these rejections, which must not end the process.
      if (sending !== undefined)
        return handled(Promise.reject(mistake("called next twice, which would send the message twice")));
      if (hasFailed)
        return handled(
          Promise.reject(mistake("called next after its send had failed; the message was not sent")),
        );
      sending = handled(this.#from(index + 1, { ...call, message }, send));
      return sending;
    };
    let receipt: unknown;
    try {
      receipt = await hook(call, next);
    } catch (error) {
      hasFailed = true;
      throw error;
    }
    if (isReceipt(receipt)) return receipt;
    if (sending !== undefined) return sending;
    hasFailed = true;
    throw mistake("neither called next nor returned a receipt, so the message was not sent");
  }
}

function isReceipt(value: unknown): value is SendReceipt {
  return typeof value === "object" && value !== null && typeof (value as { id?: unknown }).id === "string";
}

function mistake(what: string): QueueError {
  return new QueueError("invalid_options", `The send of an interceptor ${what}.`);
}

/** The JSON of a value; undefined if it has none, such as a BigInt. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** The terms on which a payload is encoded. */
export interface CodecTerms {
  readonly queue: string;
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly maxBytes: number;
}

/** The payload of a job, as JSON. */
export interface CodecInput {
  readonly id: string;
  readonly type: string;
  readonly json: string;
}

/** A payload as a codec has encoded it, as JSON. */
interface EncodedJson {
  readonly json: string;
  readonly encoding: string;
}

/**
 * Has the payload of a message encoded by the codec, and the body written anew.
 *
 * @param onEncoded called with the encoded payload; with undefined if it travels as it is
 * @throws QueueError `send_timeout` when the codec does not answer; `send_failed` when it fails
 */
export async function encodePayload(
  codec: PayloadCodec,
  composed: Composed,
  terms: CodecTerms,
  onEncoded?: (encoded: EncodedPayload | undefined) => void,
): Promise<Composed> {
  const { message, payloadJson } = composed;
  const { id, type } = message;
  const encoded = await encodedBy(codec, { id, type, json: payloadJson }, terms);
  onEncoded?.(encoded && parsed(encoded));
  if (encoded === undefined) return composed;
  return { ...composed, encoded: encodeWith(message, encoded.json, encoded.encoding) };
}

/**
 * Returns the payload of a job as the codec encodes it; undefined if it travels as it is.
 *
 * @throws QueueError `send_timeout` when the codec does not answer; `send_failed` when it fails
 */
export async function encodedPayload(
  codec: PayloadCodec,
  input: CodecInput,
  terms: CodecTerms,
): Promise<EncodedPayload | undefined> {
  const encoded = await encodedBy(codec, input, terms);
  return encoded && parsed(encoded);
}

/** A copy of its own: the codec may go on using the value that it has returned. */
function parsed({ json, encoding }: EncodedJson): EncodedPayload {
  return { payload: JSON.parse(json) as unknown, encoding };
}

async function encodedBy(
  codec: PayloadCodec,
  { id, type, json }: CodecInput,
  { queue, clock, deadlineMs, maxBytes }: CodecTerms,
): Promise<EncodedJson | undefined> {
  const given = new AbortController();
  const job = { id, type, queue, signal: given.signal, maxBytes };
  const encoding = (async () => codec.encode(json, job))();
  const encoded = await within(clock, deadlineMs, encoding, () => {
    const error = new QueueError(
      "send_timeout",
      `The codec had not encoded the payload of ${show(type)} after ${deadlineMs} ms; the message was not sent. Give a longer deadline, or look at what the codec waits for.`,
      { queue, retryable: true },
    );
    given.abort(error);
    throw error;
  }).catch((cause: unknown) => {
    if (cause instanceof QueueError) throw cause;
    throw new QueueError(
      "send_failed",
      `The codec could not encode the payload of ${show(type)}: ${describeError(cause)}. The message was not sent.`,
      { queue, retryable: true, cause },
    );
  });
  if (encoded === undefined) return undefined;
  const encodedJson = jsonOf(encoded.payload);
  if (encodedJson === undefined || typeof encoded.encoding !== "string" || encoded.encoding === "")
    throw new QueueError(
      "invalid_options",
      `The codec returned no payload that JSON can hold, or no name of its encoding, for a job of type ${show(type)}. The message was not sent.`,
      { queue },
    );
  return { json: encodedJson, encoding: encoded.encoding };
}
