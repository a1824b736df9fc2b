import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { lastingPort } from "../port.ts";
import { type NetworkState, pipe } from "./pipe.ts";

/** The server that a proxy forwards to. */
export interface Target {
  /** @default "127.0.0.1" */
  readonly host?: string | undefined;
  readonly port: number;
}

export interface TcpProxyOptions {
  /** Clock for throttling, and for stalls of a given length. @default the system clock */
  readonly clock?: Clock | undefined;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * A proxy between a client and a server, for any protocol. Cuts, stalls, throttles and refuses connections.
 *
 * @example
 * await using proxy = await TcpProxy.start({ port: 9324 });
 * const client = connect(proxy.port);
 * proxy.cutAll();
 */
export class TcpProxy implements AsyncDisposable {
  /** Number of connections that were accepted, including those that have ended. */
  accepted = 0;
  readonly host = "127.0.0.1";
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #links: Link[] = [];
  readonly #network: NetworkState;
  #port = 0;

  private constructor(target: Target, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    this.#network = { clock, stall: undefined, bytesPerSecond: undefined };
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  static async start(target: Target, { clock = systemClock }: TcpProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, clock);
    await proxy.#listen();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Number of open connections. */
  get connections(): number {
    return this.#links.length;
  }

  /** Resets every open connection, in both directions. Returns their number. New connections succeed. */
  cutAll(): number {
    const links = this.#links.splice(0);
    for (const link of links) cut(link);
    return links.length;
  }

  /** Resets the connection at `index`, where 0 is the oldest. Returns `false` if there is no such connection. */
  cutOne(index = 0): boolean {
    const [link] = this.#links.splice(index, 1);
    if (link !== undefined) cut(link);
    return link !== undefined;
  }

  /**
   * Stops all data in both directions, also on new connections, as a network that drops every packet. Neither side gets
   * an error. The data is delivered when the returned function is called, or after `ms` milliseconds.
   */
  stall(ms?: number): () => void {
    const ended = Promise.withResolvers<void>();
    const stall = Promise.all([this.#network.stall, ended.promise]).then(() => {});
    this.#network.stall = stall;
    void stall.then(() => {
      if (this.#network.stall === stall) this.#network.stall = undefined;
    });
    if (ms !== undefined) this.#clock.timer(ms, ended.resolve);
    return ended.resolve;
  }

  /** Limits each direction of each connection to this many bytes per second. `undefined` removes the limit. */
  throttle(bytesPerSecond: number | undefined): void {
    this.#network.bytesPerSecond = bytesPerSecond;
  }

  /** Refuses new connections, as a port without a listener does. Open connections stay. */
  refuse(): void {
    this.#server.close();
  }

  /** Accepts connections again, on the same port. */
  async accept(): Promise<void> {
    if (!this.#server.listening) await this.#listen();
  }

  async close(): Promise<void> {
    this.cutAll();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #listen(): Promise<void> {
    // A proxy that refuses connections has released its port, and must be able to use it again.
    if (this.#port === 0) this.#port = await lastingPort();
    this.#server.listen(this.#port, this.host);
    await once(this.#server, "listening");
  }

  #accept(client: Socket): void {
    const { host = "127.0.0.1", port } = this.#target;
    const server = connect({ host, port, allowHalfOpen: true });
    const link: Link = { client, server };
    this.accepted += 1;
    this.#links.push(link);
    pipe(client, server, this.#network);
    pipe(server, client, this.#network);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // An error on one side ends the other. The reason does not matter to the proxy.
      socket.on("error", () => cut(link));
      socket.on("close", (failed) => this.#closed(link, failed));
    }
  }

  #closed(link: Link, failed: boolean): void {
    const { client, server } = link;
    if (failed) cut(link);
    if (!client.destroyed || !server.destroyed) return;
    const at = this.#links.indexOf(link);
    if (at !== -1) this.#links.splice(at, 1);
  }
}

function cut({ client, server }: Link): void {
  for (const socket of [client, server]) {
    if (socket.destroyed) continue;
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  }
}
