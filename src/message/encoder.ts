import type { Attributes } from "../driver/contract.ts";
import type { Message } from "./message.ts";

/** A message in the format of another system. */
export interface EncodedMessage {
  readonly body: string;
  /** Attributes next to the body, in addition to `type` and the trace context. @default none */
  readonly attributes?: Attributes | undefined;
}

/**
 * Writes messages in the format of another system, instead of queueport's envelope. Synchronous. `payloadJson` is the
 * payload of the message as JSON. An error refuses the message: nothing is sent.
 *
 * The workers of this queue must be able to read the format: by their decoders, or since it is a CloudEvent.
 */
export type Encoder = (message: Message, payloadJson: string, queue: string) => EncodedMessage;
