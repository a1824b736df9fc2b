import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { Transform } from "node:stream";

/** The server to which a cutter forwards. */
export interface CutterTarget {
  /** @default "127.0.0.1" */
  readonly host?: string | undefined;
  readonly port: number;
}

/**
 * A TCP proxy between the clients of an adapter and its server, for any protocol. It causes the two faults of a
 * connection that a {@link HarnessFaults} can have.
 */
export interface Cutter {
  /** The port at which the cutter listens, on 127.0.0.1. */
  readonly port: number;
  /** Resets every open connection, and ends {@link mute}. New connections succeed. */
  cut(): void;
  /**
   * From now on, requests arrive at the server and its answers are lost, on all connections, until {@link cut} is called.
   * The clients get no error meanwhile.
   */
  mute(): void;
  /** Resets every connection and stops listening. Idempotent. */
  close(): Promise<void>;
}

/**
 * Starts a TCP proxy in front of a server.
 *
 * @example
 * const cutter = await startCutter({ port: 6379 });
 * export const harness: Harness = {
 *   open: async () => redis({ port: cutter.port }),
 *   faults: { cutConnections: async () => cutter.cut(), muteAnswers: async () => cutter.mute() },
 *   close: () => cutter.close(),
 *   …
 * };
 */
export async function startCutter(target: CutterTarget): Promise<Cutter> {
  const proxy = new TcpCutter(target);
  await proxy.listen();
  return proxy;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

class TcpCutter implements Cutter {
  readonly #target: CutterTarget;
  readonly #links = new Set<Link>();
  readonly #listener: Server = createServer((client) => this.#accept(client));
  #isMuted = false;

  constructor(target: CutterTarget) {
    this.#target = target;
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
  }

  cut(): void {
    this.#isMuted = false;
    for (const link of this.#links) this.#end(link);
  }

  mute(): void {
    this.#isMuted = true;
  }

  async close(): Promise<void> {
    this.cut();
    if (!this.#listener.listening) return;
    this.#listener.close();
    await once(this.#listener, "close");
  }

  #accept(client: Socket): void {
    const { host = "127.0.0.1", port } = this.#target;
    const link: Link = { client, server: connect({ host, port }) };
    this.#links.add(link);
    const answers = new Transform({
      transform: (chunk, _encoding, done) => (this.#isMuted ? done() : done(undefined, chunk)),
    });
    client.pipe(link.server);
    link.server.pipe(answers).pipe(client);
    for (const socket of [client, link.server]) {
      socket.setNoDelay(true);
      // An error on one side ends the other. The reason does not matter to the proxy.
      socket.on("error", () => this.#end(link));
      socket.on("close", () => this.#end(link));
    }
  }

  #end(link: Link): void {
    this.#links.delete(link);
    for (const socket of [link.client, link.server]) {
      if (socket.destroyed) continue;
      if (socket.connecting || socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}
