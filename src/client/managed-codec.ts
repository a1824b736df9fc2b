import { QueueError } from "../errors.ts";
import { within } from "../lib/wait.ts";
import type { EncodedPayload, PayloadCodec } from "../message/codec.ts";
import { payloadJson } from "../message/envelope.ts";
import type { NewMessage } from "../message/message.ts";
import type { ManagedCodec } from "../queue/managed-receive.ts";
import { encodedPayload } from "../send/sending-hook.ts";
import type { Connection } from "../transport/connection.ts";

/** Milliseconds that a codec has to decode a payload that is read, and not run. */
const DECODE_MS = 10_000;

/** The codec of a connection, for payloads that are kept beside its queues. */
export function managedCodec(
  { format, clock, limits }: Connection,
  sendDeadlineMs: number,
): ManagedCodec | undefined {
  const codec = format?.codec;
  if (codec === undefined) return undefined;
  const maxBytes = limits.maxMessageBytes;
  return {
    // Not `async`: the payload is read before the call returns.
    encode(
      queue: string,
      message: NewMessage & { readonly id: string },
      { deadlineMs = sendDeadlineMs } = {},
    ) {
      const { id, type } = message;
      try {
        const input = { id, type, json: payloadJson(message) };
        return encodedPayload(codec, input, { queue, clock, deadlineMs, maxBytes });
      } catch (error) {
        return Promise.reject(error);
      }
    },
    decode: (queue, { id, type }, encoded) => decoded(codec, { id, type, queue }, encoded, clock),
  };
}

async function decoded(
  codec: PayloadCodec,
  job: { readonly id: string; readonly type: string; readonly queue: string },
  encoded: EncodedPayload,
  clock: Connection["clock"],
): Promise<unknown> {
  const given = new AbortController();
  const decoding = (async () => codec.decode(encoded, { ...job, signal: given.signal }))();
  return within(clock, DECODE_MS, decoding, () => {
    const error = new QueueError(
      "timeout",
      `The codec had not decoded the payload of job ${job.id} after ${DECODE_MS} ms. Look at what the codec waits for.`,
      { queue: job.queue, retryable: true },
    );
    given.abort(error);
    throw error;
  });
}
