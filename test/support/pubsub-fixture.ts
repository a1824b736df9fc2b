import { randomUUID } from "node:crypto";
import { pubsub, type PubsubOptions } from "../../adapters/pubsub/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";
import { H2Proxy } from "./proxy/h2-proxy.ts";
import { pubsubEmulator } from "./pubsub-emulator.ts";

/** The Pub/Sub emulator, and a client that reaches it through a proxy. The proxy counts calls and makes them fail. */
export class PubsubFixture implements AsyncDisposable {
  readonly proxy: H2Proxy;
  readonly queue: Queue;
  readonly #host: string;
  readonly #stop: () => Promise<void>;

  private constructor(host: string, proxy: H2Proxy, stop: () => Promise<void>) {
    this.#host = host;
    this.proxy = proxy;
    this.#stop = stop;
    this.queue = this.connect();
  }

  static async start(): Promise<PubsubFixture> {
    const emulator = await pubsubEmulator();
    const [host, port] = emulator.host.split(":");
    const proxy = await H2Proxy.start({ host, port: Number(port) });
    return new PubsubFixture(emulator.host, proxy, () => emulator.stop());
  }

  /** Options of a client that connects through the proxy. */
  get address(): { readonly projectId: string; readonly emulatorHost: string } {
    return { projectId: "fixture", emulatorHost: `127.0.0.1:${this.proxy.port}` };
  }

  /** Creates another client. It connects through the proxy, unless `options` name another host. */
  connect(options: PubsubOptions = {}): Queue {
    return createQueue(pubsub({ ...this.address, waitSeconds: 1, ...options }));
  }

  /** Creates a queue with a new name, without the proxy. */
  async makeQueue(ordering: "none" | "by_key" = "none", leaseMs: number = 10_000): Promise<string> {
    const name = `q-${randomUUID()}`;
    const direct = this.connect({ emulatorHost: this.#host });
    await direct.ensure(name, { ordering, leaseMs });
    await direct.close();
    return name;
  }

  /** Receives until the returned function is called. The function resolves when the drain has ended. */
  receive(name: string, handler: Handler, options: ReceiveOptions = {}): () => Promise<void> {
    const stop = new AbortController();
    const receiving = this.queue.receive(name, handler, { leaseMs: 10_000, ...options, signal: stop.signal });
    return () => {
      stop.abort();
      return receiving;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.queue.close();
    await this.proxy.close();
    await this.#stop();
  }
}
