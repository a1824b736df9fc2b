import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../src/lib/clock.ts";
import { lastingPort } from "../port.ts";
import { pipe, type Road } from "./pipe.ts";

/** Where a proxy sends what it gets. */
export interface Target {
  /** @default "127.0.0.1" */
  readonly host?: string | undefined;
  readonly port: number;
}

export interface TcpProxyOptions {
  /** For throttling, and for stalls of a given length. @default the machine's clock */
  readonly clock?: Clock | undefined;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * Stands between a client and a server and knows nothing of what they say: it cuts, stalls, slows down and refuses.
 *
 * @example
 * await using proxy = await TcpProxy.start({ port: 9324 });
 * const client = connect(proxy.port);
 * proxy.cutAll();
 */
export class TcpProxy implements AsyncDisposable {
  /** Connections that were accepted, those included that are over. */
  accepted = 0;
  readonly host = "127.0.0.1";
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #server: Server;
  readonly #links: Link[] = [];
  readonly #road: Road;
  #port = 0;

  private constructor(target: Target, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    this.#road = { clock, open: undefined, bytesPerSecond: undefined };
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

  /** Connections that are open. */
  get connections(): number {
    return this.#links.length;
  }

  /** Resets every connection, in both directions. Returns how many. New ones succeed. */
  cutAll(): number {
    const links = this.#links.splice(0);
    for (const link of links) cut(link);
    return links.length;
  }

  /** Resets the oldest connection, or the one at this index in the order of their age. False where there is none. */
  cutOne(index = 0): boolean {
    const [link] = this.#links.splice(index, 1);
    if (link !== undefined) cut(link);
    return link !== undefined;
  }

  /**
   * Swallows what both sides send, new connections included, as a network that drops every packet: nobody is told.
   * It is delivered, late, once the returned function is called; or after `ms`, where that is given.
   */
  stall(ms?: number): () => void {
    const open = Promise.withResolvers<void>();
    const stalled = Promise.all([this.#road.open, open.promise]).then(() => {});
    this.#road.open = stalled;
    void stalled.then(() => {
      if (this.#road.open === stalled) this.#road.open = undefined;
    });
    if (ms !== undefined) this.#clock.timer(ms, open.resolve);
    return open.resolve;
  }

  /** Lets so many bytes a second through, in each direction of each connection; undefined is as many as come. */
  throttle(bytesPerSecond: number | undefined): void {
    this.#road.bytesPerSecond = bytesPerSecond;
  }

  /** Refuses new connections, as a port on which nobody listens; those that are open stay. */
  refuse(): void {
    this.#server.close();
  }

  /** Takes connections again, on the same port. */
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
    // One that refuses has let go of its port, and takes it again.
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
    pipe(client, server, this.#road);
    pipe(server, client, this.#road);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      // What ends one side ends the other; the reason is theirs.
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
