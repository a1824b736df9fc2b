import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import { redis, type RedisOptions } from "../../adapters/redis/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { EnsureOptions, Queue } from "../../src/queue/queue.ts";
import { TcpProxy } from "./proxy/tcp-proxy.ts";

/** A prefix of keys for the tests of one file, and a proxy before the server. */
export class RedisFixture implements AsyncDisposable {
  readonly prefix: string = `qp-test-${randomUUID()}`;
  readonly proxy: TcpProxy;
  readonly #url: string;
  readonly #opened: Queue[] = [];
  #made = 0;

  private constructor(url: string, proxy: TcpProxy) {
    this.#url = url;
    this.proxy = proxy;
  }

  static async start(url: string): Promise<RedisFixture> {
    const { hostname, port } = new URL(url);
    return new RedisFixture(url, await TcpProxy.start({ host: hostname, port: Number(port || 6379) }));
  }

  /** The address of the server by way of the proxy. */
  get proxiedUrl(): string {
    const url = new URL(this.#url);
    url.hostname = this.proxy.host;
    url.port = String(this.proxy.port);
    return url.href;
  }

  /** Opens a client, without the proxy unless `url` says so. It is closed with the fixture. */
  connect(options: RedisOptions = {}): Queue {
    const queue = createQueue(redis({ url: this.#url, prefix: this.prefix, ...options }));
    this.#opened.push(queue);
    return queue;
  }

  /** Creates a queue under a new name. */
  async freshQueue(options: EnsureOptions = {}): Promise<string> {
    const name = `fault-${(this.#made += 1)}-${randomUUID().slice(0, 8)}`;
    await this.connect().ensure(name, options);
    return name;
  }

  /** Runs a command on a connection of its own. */
  async command(...args: string[]): Promise<unknown> {
    const client = createClient({ url: this.#url, RESP: 2, socket: { reconnectStrategy: false } });
    client.on("error", () => {});
    await client.connect();
    try {
      return await client.sendCommand(args);
    } finally {
      client.destroy();
    }
  }

  /** The keys that begin with the prefix. */
  async keys(): Promise<string[]> {
    return (await this.command("KEYS", `${this.prefix}:*`)) as string[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((queue) => queue.close()));
    const keys = await this.keys().catch(() => []);
    if (keys.length > 0) await this.command("UNLINK", ...keys);
    await this.proxy.close();
  }
}
