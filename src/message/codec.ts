import { QueueError } from "../errors.ts";
import { show } from "../lib/text.ts";
import { CompleteMessage } from "./complete-message.ts";
import type { Message } from "./message.ts";

/** The job whose payload a {@link PayloadCodec} encodes or decodes. */
export interface PayloadJob {
  readonly id: string;
  readonly type: string;
  /** The logical queue name. */
  readonly queue: string;
  /** Aborts when the result is no longer needed: at the deadline of a send, or at the end of a run. */
  readonly signal: AbortSignal;
}

/** A payload in the form in which it travels. */
export interface EncodedPayload {
  /** Any JSON value: a reference to a stored object, a ciphertext. It takes the place of the payload in the body. */
  readonly payload: unknown;
  /** The name of the encoding. It travels in the field `payload_encoding` of the body. */
  readonly encoding: string;
}

/**
 * Changes the form in which payloads travel: claim-check, compression, encryption. Id, type and headers stay readable.
 * Retries and dead letters keep the encoded payload, byte for byte.
 *
 * @example
 * const codec: PayloadCodec = {
 *   async encode(json, { id }) {
 *     if (json.length < 100_000) return undefined;
 *     await store.put(id, json);
 *     return { encoding: "ref", payload: { key: id } };
 *   },
 *   async decode({ payload }) {
 *     return JSON.parse(await store.get((payload as { key: string }).key));
 *   },
 * };
 */
export interface PayloadCodec {
  /**
   * Encodes a payload that has been validated. Resolves with undefined if it travels as it is. If it throws, nothing is
   * sent.
   *
   * @param maxBytes the largest size of a message in bytes
   */
  encode(
    json: string,
    job: PayloadJob & { readonly maxBytes: number },
  ): Promise<EncodedPayload | undefined> | EncodedPayload | undefined;
  /**
   * Returns the payload, or a promise of it, before the run of its handler. Called with payloads only that carry an encoding. If it throws,
   * the run has failed: the job is retried, and a `PermanentError` dead-letters it.
   */
  decode(encoded: EncodedPayload, job: PayloadJob): unknown;
}

/**
 * Replaces an encoded payload by the decoded one. Returns undefined if the payload is not encoded.
 *
 * @throws the error of the codec
 */
export function decodePayload(
  codec: PayloadCodec,
  message: Message,
  context: { readonly queue: string; readonly signal: AbortSignal },
): Promise<void> | undefined {
  if (!isEncoded(message)) return undefined;
  const { id, type, payload, encoding } = message;
  const job = { id, type, queue: context.queue, signal: context.signal };
  return (async () => {
    const decoded: unknown = await codec.decode({ payload, encoding }, job);
    if (decoded === undefined)
      throw new QueueError(
        "invalid_options",
        `The decode of the codec returned undefined for a job of type ${show(type)}, which is no payload. Return null for "nothing".`,
        { queue: context.queue },
      );
    message.reveal(decoded);
  })();
}

/** Whether the payload of a received message is still encoded. */
export function isEncoded(message: Message): message is CompleteMessage & { readonly encoding: string } {
  return message instanceof CompleteMessage && message.encoding !== undefined;
}
