import { Refusal } from "../broker/refusal.ts";
import { checkPerformative } from "./performatives.ts";

/** Largest frame of either side, which the server's `open` declares. */
export const MAX_FRAME_BYTES = 65_536;
/** Number of channels, which the server's `open` declares as the highest channel. */
export const MAX_CHANNEL = 4_095;
/** Bytes of a protocol header, and of a frame's header. */
const HEADER_BYTES = 8;
const AMQP_HEADER: Buffer = Buffer.from([...Buffer.from("AMQP"), 0, 1, 0, 0]);
const SASL_HEADER: Buffer = Buffer.from([...Buffer.from("AMQP"), 3, 1, 0, 0]);
const SASL_FRAME = 1;

/** Receives what a {@link FrameReader} has checked. */
export interface FrameHandler {
  /** The client asks for a SASL layer. */
  onSasl(): void;
  /** The performative of a SASL init. Returns false if the client was refused. */
  onSaslInit(performative: Buffer): boolean;
  /** AMQP's protocol header, and whole frames. */
  onAmqp(bytes: Buffer): void;
}

/**
 * Splits the bytes of a client into frames, and checks each of them before anything else reads it. At most one frame is
 * held until the rest of it has come, and no more than {@link MAX_FRAME_BYTES} of it.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  #state: "start" | "sasl" | "signed_in" | "amqp" | "refused" = "start";
  /** The beginning of a frame, in the pieces in which it came. */
  #pieces: Buffer[] = [];
  #held = 0;
  /** Bytes that have to be there before the next check. */
  #needed = HEADER_BYTES;

  constructor(handler: FrameHandler) {
    this.#handler = handler;
  }

  /** @throws Refusal if the bytes break the protocol. The connection has to end then. */
  push(chunk: Buffer): void {
    if (this.#isRefused()) return;
    if (this.#held + chunk.length < this.#needed) {
      this.#pieces.push(chunk);
      this.#held += chunk.length;
      return;
    }
    const bytes = this.#held === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    let [at, passed] = [0, 0];
    this.#needed = HEADER_BYTES;
    try {
      while (!this.#isRefused() && bytes.length - at >= HEADER_BYTES) {
        const size = this.#state === "amqp" || this.#state === "sasl" ? frameSize(bytes, at) : HEADER_BYTES;
        if (bytes.length - at < size) {
          this.#needed = size;
          break;
        }
        if (this.#state === "amqp") checkFrame(bytes, at, at + size);
        else {
          this.#beforeAmqp(bytes.subarray(at, at + size));
          // The header of AMQP itself goes to the handler, together with the frames that follow.
          passed = this.#isAmqp() ? at : at + size;
        }
        at += size;
      }
    } catch (error) {
      this.#state = "refused";
      throw error;
    } finally {
      // Also those that come before a frame that is refused.
      if (at > passed) this.#handler.onAmqp(bytes.subarray(passed, at));
    }
    this.#pieces = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#held = bytes.length - at;
  }

  #isRefused(): boolean {
    return this.#state === "refused";
  }

  #isAmqp(): boolean {
    return this.#state === "amqp";
  }

  /** Reads a protocol header or a SASL frame. */
  #beforeAmqp(bytes: Buffer): void {
    if (this.#state === "sasl") {
      const start = (bytes[4] as number) * 4;
      const isInit = bytes[5] === SASL_FRAME && checkPerformative(bytes, start, bytes.length) === "sasl-init";
      if (!isInit) throw framing("a SASL init was expected");
      this.#state = this.#handler.onSaslInit(bytes.subarray(start)) ? "signed_in" : "refused";
    } else if (bytes.equals(AMQP_HEADER)) {
      this.#state = "amqp";
    } else if (this.#state === "start" && bytes.equals(SASL_HEADER)) {
      this.#state = "sasl";
      this.#handler.onSasl();
    } else {
      throw framing("the protocol header is not that of AMQP 1.0");
    }
  }
}

function frameSize(bytes: Buffer, at: number): number {
  const size = bytes.readUInt32BE(at);
  const start = (bytes[at + 4] as number) * 4;
  if (size < HEADER_BYTES || size > MAX_FRAME_BYTES)
    throw framing(`a frame has ${size} bytes, and ${HEADER_BYTES} to ${MAX_FRAME_BYTES} are allowed`);
  if (start < HEADER_BYTES || start > size)
    throw framing("the content of a frame begins outside of the frame");
  return size;
}

/** Checks one AMQP frame. A frame without a performative only shows that the client is there. */
function checkFrame(bytes: Buffer, at: number, end: number): void {
  if (bytes[at + 5] !== 0) throw framing("a frame is not of the type AMQP");
  if (bytes.readUInt16BE(at + 6) > MAX_CHANNEL) throw framing(`a channel is above ${MAX_CHANNEL}`);
  const start = at + (bytes[at + 4] as number) * 4;
  if (start < end && checkPerformative(bytes, start, end).startsWith("sasl"))
    throw framing("a SASL frame comes after the header of AMQP");
}

function framing(fault: string): Refusal {
  return new Refusal("amqp:connection:framing-error", `The connection ends: ${fault}.`);
}
