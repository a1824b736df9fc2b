import { once } from "node:events";
import {
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

/** Answers one unary call: with bytes, or by throwing a {@link GrpcFailure}. */
export type Unary = (request: Uint8Array, headers: IncomingHttpHeaders) => Uint8Array | Promise<Uint8Array>;

/** Ends a call with this status instead of an answer. */
export class GrpcFailure extends Error {
  readonly status: number;
  /** An encoded `google.rpc.Status`. */
  readonly details: Uint8Array | undefined;

  constructor(status: number, message: string, details?: Uint8Array) {
    super(message);
    this.status = status;
    this.details = details;
  }
}

/** One byte for the compression flag, and four bytes for the length. */
const PREFIX_BYTES = 5;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;

/** A gRPC server in clear text, for unary calls. A method is found by the end of its path. */
export class GrpcServer implements AsyncDisposable {
  readonly #server: Http2Server;
  readonly #methods: Readonly<Record<string, Unary>>;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(methods: Readonly<Record<string, Unary>>) {
    this.#methods = methods;
    this.#server = createServer();
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
    this.#server.on("stream", (stream, headers) => void this.#serve(stream, headers));
  }

  static async start(methods: Readonly<Record<string, Unary>>): Promise<GrpcServer> {
    const server = new GrpcServer(methods);
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    await once(this.#server, "close");
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const path = headers[":path"] ?? "";
    stream.on("error", () => {});
    try {
      const chunks: Uint8Array[] = [];
      for await (const chunk of stream) chunks.push(chunk as Uint8Array);
      const method = Object.entries(this.#methods).find(([name]) => path.endsWith(name))?.[1];
      if (method === undefined) throw new GrpcFailure(UNIMPLEMENTED, path);
      const answer = await method(Buffer.concat(chunks).subarray(PREFIX_BYTES), headers);
      if (!stream.destroyed) succeed(stream, answer);
    } catch (error) {
      if (!stream.destroyed) fail(stream, error);
    }
  }
}

function succeed(stream: ServerHttp2Stream, answer: Uint8Array): void {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(answer.length, 1);
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  stream.end(Buffer.concat([prefix, answer]));
}

function fail(stream: ServerHttp2Stream, error: unknown): void {
  const status = error instanceof GrpcFailure ? error.status : INTERNAL;
  const message = error instanceof Error ? error.message : String(error);
  const details = error instanceof GrpcFailure ? error.details : undefined;
  stream.respond(
    {
      ":status": 200,
      "content-type": "application/grpc",
      "grpc-status": String(status),
      "grpc-message": encodeURIComponent(message),
      ...(details === undefined
        ? {}
        : { "grpc-status-details-bin": Buffer.from(details).toString("base64") }),
    },
    { endStream: true },
  );
}
