import type { Decoder } from "./decoder.ts";
import type { PayloadCodec } from "./codec.ts";
import type { Encoder } from "./encoder.ts";

/** The settings of a queue with which one delivery is decoded. */
export interface Reading {
  /** The logical queue name. */
  readonly queue: string;
  readonly decoders: readonly Decoder[];
  /** Parses the JSON of a body. */
  readonly parseJson: (text: string) => unknown;
  /** Whether encoded payloads can be decoded. */
  readonly hasCodec: boolean;
}

/** Decoders for all queues, or by queue: `"*"` is for each queue that is not named. */
export type Decoders = Decoder | readonly Decoder[] | Readonly<Record<string, Decoder | readonly Decoder[]>>;

export interface WireFormatOptions {
  readonly decode?: Decoders | undefined;
  readonly encode?: Encoder | undefined;
  readonly codec?: PayloadCodec | undefined;
  readonly parseJson?: ((text: string) => unknown) | undefined;
}

/** How a connection reads and writes bodies, where that differs from the plain wire format. */
export class WireFormat {
  readonly encode: Encoder | undefined;
  readonly codec: PayloadCodec | undefined;
  readonly #decode: Decoders;
  readonly #parseJson: (text: string) => unknown;

  constructor({ decode = [], encode, codec, parseJson = JSON.parse }: WireFormatOptions) {
    this.#decode = decode;
    this.encode = encode;
    this.codec = codec;
    this.#parseJson = parseJson;
  }

  /** The settings with which the deliveries of a queue are decoded. */
  readingOf(queue: string): Reading {
    const decoders = decodersOf(this.#decode, queue);
    return { queue, decoders, parseJson: this.#parseJson, hasCodec: this.codec !== undefined };
  }
}

function decodersOf(decode: Decoders, queue: string): readonly Decoder[] {
  if (typeof decode === "function") return [decode];
  if (Array.isArray(decode)) return decode as readonly Decoder[];
  const named = decode as Readonly<Record<string, Decoder | readonly Decoder[]>>;
  const own = Object.hasOwn(named, queue) ? named[queue] : named["*"];
  return typeof own === "function" ? [own] : (own ?? []);
}
