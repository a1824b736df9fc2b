import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { forwardCall, withholdAnswer } from "./h2-stream.ts";
import { type Rule, type RuleMatch, Rules } from "./rules.ts";
import type { Target } from "./tcp-proxy.ts";

export interface H2ProxyOptions {
  /** Seed of the random choices for `share`. @default 1 */
  readonly seed?: number | undefined;
}

/** One call, as a rule sees it. */
export interface H2Call {
  /** `/google.pubsub.v1.Publisher/Publish` */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Number of the client's connection, counted from 1. */
  readonly connection: number;
}

/** Which calls a rule applies to. */
export interface H2Match extends RuleMatch<H2Call> {
  /** The whole path, or the end of it: `Publisher/Publish`. @default every call */
  readonly path?: string | undefined;
}

/** The fault of a call that a rule applies to. */
export type H2Action =
  /** The server handles the call, and its answer is lost: the stream is reset, or the whole connection is cut. */
  | { readonly kind: "drop_response"; readonly by: "reset" | "cut" }
  /** The proxy answers with this gRPC status. The server does not see the call. */
  | { readonly kind: "answer"; readonly grpcStatus: number }
  /** The call is held until the promise resolves, and is forwarded then. */
  | { readonly kind: "stall"; readonly until: Promise<void> }
  /** The call is neither forwarded nor answered. */
  | { readonly kind: "black_hole" };

interface Link {
  readonly number: number;
  /** The socket itself, because a session does not allow to reset its socket. */
  readonly socket: Socket;
  readonly upstream: ClientHttp2Session;
}

/**
 * A proxy between a gRPC client and its server, for HTTP/2 in clear text. Counts calls by path, including streams, and
 * makes single calls fail.
 */
export class H2Proxy implements AsyncDisposable {
  /** Number of calls that arrived, by path. */
  readonly counts: Map<string, number> = new Map();
  readonly #authority: string;
  readonly #rules: Rules<H2Call, H2Action>;
  readonly #server: Http2Server;
  readonly #links = new Map<ServerHttp2Session, Link>();
  #begun = 0;

  private constructor({ host = "127.0.0.1", port }: Target, seed: number) {
    this.#authority = `http://${host}:${port}`;
    this.#rules = new Rules(seed);
    this.#server = createServer();
    // Runs before the server's own listener, which creates the session of this socket synchronously.
    let latest: Socket | undefined;
    this.#server.prependListener("connection", (socket: Socket) => {
      latest = socket;
    });
    this.#server.on("session", (session) => this.#begin(session, latest as Socket));
    this.#server.on("stream", (stream, headers) => {
      this.#serve(stream, headers).catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
    });
  }

  static async start(target: Target, { seed = 1 }: H2ProxyOptions = {}): Promise<H2Proxy> {
    const proxy = new H2Proxy(target, seed);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Number of calls whose path equals `path` or ends with it. */
  count(path: string): number {
    let count = 0;
    for (const [known, calls] of this.counts) if (known.endsWith(path)) count += calls;
    return count;
  }

  /** Applies `action` to the calls that match. */
  on({ path = "", where, ...match }: H2Match, action: H2Action): Rule {
    const both = (call: H2Call): boolean => call.path.endsWith(path) && where?.(call) !== false;
    return this.#rules.add({ ...match, where: both }, action);
  }

  /** Cuts every open connection of the clients. Returns the number of connections. */
  cutAll(): number {
    const links = [...this.#links.values()];
    for (const { socket } of links) socket.resetAndDestroy();
    return links.length;
  }

  /** Sends GOAWAY to every client, so that it makes its next calls on another connection. Calls in progress go on. */
  retireAll(): void {
    for (const session of this.#links.keys()) session.close();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.cutAll();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Opens one connection to the server for each connection of a client. If one of the two ends, the other ends too. */
  #begin(session: ServerHttp2Session, socket: Socket): void {
    const upstream = connect(this.#authority);
    this.#begun += 1;
    this.#links.set(session, { number: this.#begun, socket, upstream });
    session.on("close", () => {
      this.#links.delete(session);
      upstream.destroy();
    });
    upstream.on("goaway", () => session.close());
    upstream.on("close", () => session.destroy());
    // The close event that follows an error ends the other side.
    session.on("error", () => {});
    upstream.on("error", () => {});
  }

  async #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    const path = headers[":path"] ?? "";
    const link = this.#links.get(stream.session as ServerHttp2Session);
    this.counts.set(path, (this.counts.get(path) ?? 0) + 1);
    stream.on("error", () => {});
    const action = this.#rules.pick({ path, headers, connection: link?.number ?? 0 });
    if (action?.kind === "black_hole") return;
    if (action?.kind === "answer") return answer(stream, action.grpcStatus);
    if (action?.kind === "stall") await action.until;
    if (link === undefined || stream.destroyed) return;
    const call = link.upstream.request(headers);
    if (action?.kind !== "drop_response") return forwardCall(stream, call);
    await withholdAnswer(stream, call);
    if (action.by === "reset") stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else link.socket.resetAndDestroy();
  }
}

/** Sends a gRPC answer that is only a status: the headers are the trailers at the same time. */
function answer(stream: ServerHttp2Stream, grpcStatus: number): void {
  const headers = { ":status": 200, "content-type": "application/grpc", "grpc-status": String(grpcStatus) };
  stream.respond({ ...headers, "grpc-message": "by the proxy" }, { endStream: true });
}
