import { once } from "node:events";
import { connect, type Socket } from "node:net";
import rhea from "rhea";

/** A value with its AMQP type, as rhea's encoder wants it. */
type Typed = object;

/** rhea's encoder and decoder of AMQP values, which its typings contain in part. */
export const amqp = rhea.types as unknown as {
  readonly Writer: new () => { write(value: Typed): void; toBuffer(): Buffer };
  readonly Reader: new (bytes: Buffer) => {
    position: number;
    read(): { readonly value: unknown; readonly descriptor?: { readonly value: number } };
  };
  described(descriptor: Typed, value: Typed): Typed;
  wrap(value: unknown): Typed;
  unwrap(value: unknown): unknown;
  wrap_list(values: readonly unknown[]): Typed;
  wrap_ulong(value: number): Typed;
  wrap_uint(value: number): Typed;
  wrap_ushort(value: number): Typed;
  wrap_ubyte(value: number): Typed;
  wrap_long(value: number): Typed;
  wrap_symbol(value: string): Typed;
  wrap_string(value: string): Typed;
  wrap_binary(value: Buffer): Typed;
  wrap_timestamp(value: number): Typed;
  wrap_symbolic_map(value: object): Typed;
};

/** Codes of performatives. */
export const CODE = {
  open: 0x10,
  begin: 0x11,
  attach: 0x12,
  flow: 0x13,
  transfer: 0x14,
  disposition: 0x15,
  detach: 0x16,
  end: 0x17,
  close: 0x18,
  saslMechanisms: 0x40,
  saslInit: 0x41,
  saslOutcome: 0x44,
} as const;

export const AMQP_HEADER: Buffer = Buffer.from([...Buffer.from("AMQP"), 0, 1, 0, 0]);
export const SASL_HEADER: Buffer = Buffer.from([...Buffer.from("AMQP"), 3, 1, 0, 0]);

/** The bytes of an AMQP value. */
export function encode(value: Typed): Buffer {
  const writer = new amqp.Writer();
  writer.write(value);
  return Buffer.from(writer.toBuffer());
}

/** The bytes of a described value: a section of a message, or a performative. */
export function described(code: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x00, 0x53, code]), value]);
}

/** A described list. Fields are plain values, or typed ones of {@link amqp}. */
export function composite(code: number, fields: readonly unknown[]): Typed {
  return amqp.described(amqp.wrap_ulong(code), amqp.wrap_list(fields.map((field) => amqp.wrap(field))));
}

/** The bytes of a frame around the bytes of a performative. */
export function frameOf(performative: Buffer, channel = 0, type = 0): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 2, type, channel >> 8, channel & 0xff]);
  head.writeUInt32BE(head.length + performative.length);
  return Buffer.concat([head, performative]);
}

/** The bytes of a frame. */
export function frame(code: number, fields: readonly unknown[], payload?: Buffer, channel = 0): Buffer {
  return frameOf(Buffer.concat([encode(composite(code, fields)), payload ?? Buffer.alloc(0)]), channel);
}

const terminus = (code: number, address: string): Typed => composite(code, [address]);

/** A list in a list, `depth` times. */
export function nested(depth: number): Buffer {
  const heads = Array.from({ length: depth }, (_, level) => {
    const head = Buffer.from([0xd0, 0, 0, 0, 0, 0, 0, 0, 1]);
    head.writeUInt32BE(9 * (depth - 1 - level) + 5, 1);
    return head;
  });
  return Buffer.concat([...heads, Buffer.from([0x40])]);
}

/** Frames that most tests need. The client's handle and delivery ids are up to the test. */
export const frames = {
  open: (fields: readonly unknown[] = ["raw", "localhost"]): Buffer => frame(CODE.open, fields),
  begin: (channel = 0): Buffer =>
    frame(
      CODE.begin,
      [null, amqp.wrap_uint(0), amqp.wrap_uint(5_000), amqp.wrap_uint(5_000)],
      undefined,
      channel,
    ),
  /** Attaches a link on which the client sends. */
  sends: (handle: number, address: string, name = `to ${address}`): Buffer =>
    frame(CODE.attach, [
      name,
      amqp.wrap_uint(handle),
      false,
      amqp.wrap_ubyte(0),
      amqp.wrap_ubyte(0),
      terminus(0x28, "me"),
      terminus(0x29, address),
      null,
      null,
      amqp.wrap_uint(0),
    ]),
  /** Attaches a link on which the client receives. */
  receives: (handle: number, address: string, name = `from ${address}`, filter?: object): Buffer =>
    frame(CODE.attach, [
      name,
      amqp.wrap_uint(handle),
      true,
      amqp.wrap_ubyte(0),
      amqp.wrap_ubyte(1),
      composite(0x28, [
        address,
        ...(filter === undefined ? [] : [null, null, null, null, null, null, amqp.wrap_symbolic_map(filter)]),
      ]),
      terminus(0x29, "me"),
    ]),
  /** Gives credit on a link, as a client does that has not read the server's attach. */
  credit: (handle: number, credit: number, rest: readonly unknown[] = []): Buffer =>
    frame(CODE.flow, [
      amqp.wrap_uint(0),
      amqp.wrap_uint(5_000),
      amqp.wrap_uint(0),
      amqp.wrap_uint(5_000),
      amqp.wrap_uint(handle),
      null,
      amqp.wrap_uint(credit),
      ...rest,
    ]),
  transfer: (
    handle: number,
    id: number,
    payload: Buffer,
    more = false,
    rest: readonly unknown[] = [],
  ): Buffer =>
    frame(
      CODE.transfer,
      [
        amqp.wrap_uint(handle),
        amqp.wrap_uint(id),
        amqp.wrap_binary(Buffer.from([id & 0xff])),
        amqp.wrap_uint(0),
        false,
        more,
        ...rest,
      ],
      payload,
    ),
  /** A message of any size, in as many frames as it needs. */
  message: (handle: number, id: number, payload: Buffer): Buffer => {
    const pieces: Buffer[] = [];
    for (let at = 0; at === 0 || at < payload.length; at += 60_000)
      pieces.push(
        frames.transfer(handle, id, payload.subarray(at, at + 60_000), at + 60_000 < payload.length),
      );
    return Buffer.concat(pieces);
  },
  disposition: (first: number, last: number, state: Typed | null = null, isReceiver = true): Buffer =>
    frame(CODE.disposition, [isReceiver, amqp.wrap_uint(first), amqp.wrap_uint(last), true, state]),
  detach: (handle: number): Buffer => frame(CODE.detach, [amqp.wrap_uint(handle), true]),
  /** A request to `$cbs` that grants everything, where the server has no keys. */
  token: (handle: number, id: number, token = "x.e30.x", type = "jwt"): Buffer =>
    frames.transfer(
      handle,
      id,
      rhea.message.encode({
        message_id: "token",
        reply_to: "replies",
        application_properties: { operation: "put-token", type, name: "sb://x/" },
        body: token,
      }),
    ),
};

/** A frame from the server. */
export interface Received {
  /** Code of the performative; `undefined` for an empty frame. */
  readonly code: number | undefined;
  readonly fields: readonly unknown[];
  readonly payload: Buffer;
}

/** A client that writes bytes as they are, and reads the frames of the server. */
export class RawClient {
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #frames: Received[] = [];
  /** Protocol headers of the server, in order. */
  readonly headers: Buffer[] = [];
  #isClosed = false;
  #onChange: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#isClosed = true;
      this.#onChange();
    });
  }

  static async connect({ port }: { readonly port: number }): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** A client that is signed in for everything, with handles 0 and 1 in use on channel 0. */
  static async signedIn(server: { readonly port: number }): Promise<RawClient> {
    const client = await RawClient.connect(server);
    client.write(
      AMQP_HEADER,
      frames.open(),
      frames.begin(),
      frames.sends(0, "$cbs"),
      frames.receives(1, "$cbs", "replies"),
      frames.credit(1, 10),
      frames.token(0, 0),
    );
    await client.next(CODE.transfer);
    await client.next(CODE.disposition);
    // The server gives credit for another request.
    await client.next(CODE.flow);
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that were written and not read by the server. */
  get bytesToWrite(): number {
    return this.#socket.writableLength;
  }

  /** All frames that were received and not taken by {@link next}. */
  get received(): readonly Received[] {
    return this.#frames;
  }

  write(...bytes: readonly Buffer[]): void {
    this.#socket.write(Buffer.concat(bytes));
  }

  /** The next frame with this performative. Earlier ones are dropped. Fails if the connection ends without it. */
  async next(code: number): Promise<Received> {
    for (;;) {
      const index = this.#frames.findIndex((one) => one.code === code);
      const [found] = index < 0 ? [] : this.#frames.splice(0, index + 1).slice(-1);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error(`the connection ended without 0x${code.toString(16)}`);
      await this.#change();
    }
  }

  /** The condition with which the server closes the connection; `undefined` if it gives none. */
  async closing(): Promise<string | undefined> {
    while (!this.#isClosed) await this.#change();
    const close = this.#frames.find(({ code }) => code === CODE.close);
    const error = close?.fields[0] as { readonly condition?: string } | undefined;
    return error?.condition;
  }

  close(): void {
    this.#socket.destroy();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = resolve;
    });
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    while (this.#bytes.length >= 8) {
      const isHeader = this.#bytes.toString("latin1", 0, 4) === "AMQP";
      const size = isHeader ? 8 : this.#bytes.readUInt32BE();
      if (this.#bytes.length < size) break;
      const whole = this.#bytes.subarray(0, size);
      this.#bytes = this.#bytes.subarray(size);
      if (isHeader) this.headers.push(whole);
      else this.#frames.push(read(whole.subarray(8)));
    }
    this.#onChange();
  }
}

function read(content: Buffer): Received {
  if (content.length === 0) return { code: undefined, fields: [], payload: content };
  const reader = new amqp.Reader(content);
  const performative = reader.read();
  return {
    code: performative.descriptor?.value,
    fields: (performative.value as readonly unknown[]).map((field) => amqp.unwrap(field)),
    payload: content.subarray(reader.position),
  };
}
