import { randomUUID } from "node:crypto";
import { postgres, type PostgresOptions } from "../../adapters/postgres/index.ts";
import { createQueue } from "../../src/client/create-queue.ts";
import type { EnsureOptions, Queue } from "../../src/queue/queue.ts";
import { createDatabase, type TestDatabase } from "./postgres-database.ts";
import { TcpProxy } from "./proxy/tcp-proxy.ts";

/** A database for the tests of one file, and a proxy before its server. */
export class PostgresFixture implements AsyncDisposable {
  readonly database: TestDatabase;
  readonly proxy: TcpProxy;
  readonly #opened: Queue[] = [];
  #made = 0;

  private constructor(database: TestDatabase, proxy: TcpProxy) {
    this.database = database;
    this.proxy = proxy;
  }

  static async start(serverUrl: string): Promise<PostgresFixture> {
    const database = await createDatabase(serverUrl);
    const { hostname, port } = new URL(database.url);
    const fixture = new PostgresFixture(
      database,
      await TcpProxy.start({ host: hostname, port: Number(port || 5432) }),
    );
    await fixture.freshQueue();
    return fixture;
  }

  /** The URL of the database by way of the proxy. */
  get proxiedUrl(): string {
    const url = new URL(this.database.url);
    url.hostname = this.proxy.host;
    url.port = String(this.proxy.port);
    return url.href;
  }

  /** Opens a client on the database, without the proxy unless `url` says so. It is closed with the fixture. */
  connect(options: PostgresOptions = {}): Queue {
    const place = options.client === undefined ? { url: this.database.url } : {};
    const queue = createQueue(postgres({ ...place, ...options }));
    this.#opened.push(queue);
    return queue;
  }

  /** Creates a queue under a new name. */
  async freshQueue(options: EnsureOptions = {}): Promise<string> {
    const name = `fault-${(this.#made += 1)}-${randomUUID().slice(0, 8)}`;
    await this.connect().ensure(name, options);
    return name;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((queue) => queue.close()));
    await this.proxy.close();
    await this.database.drop();
  }
}
