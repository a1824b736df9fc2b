import { randomUUID } from "node:crypto";
import { sqs, type SqsOptions } from "../../adapters/sqs/index.ts";
import { createQueue, type QueueOptions } from "../../src/client/create-queue.ts";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";
import type { HttpCall } from "./proxy/http-call.ts";
import { HttpProxy } from "./proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startSqsServer } from "./sqs-server.ts";

/** A request that arrived at a proxy. */
export interface SeenCall extends HttpCall {
  /** Time of arrival, in milliseconds since the epoch. */
  readonly at: number;
}

/** An SQS server. Each test has a queue and a proxy of its own, so that tests do not disturb each other. */
export class SqsFixture implements AsyncDisposable {
  readonly server: SqsServer;

  private constructor(server: SqsServer) {
    this.server = server;
  }

  static async start(): Promise<SqsFixture> {
    return new SqsFixture(await startSqsServer());
  }

  /** Creates a queue with a new name, a proxy, and a client behind the proxy. */
  async proxiedQueue(options: ProxiedQueueOptions = {}): Promise<ProxiedQueue> {
    const { ordering = "none", leaseMs = 30_000, ...rest } = options;
    const name = `q-${randomUUID()}${ordering === "by_key" ? ".fifo" : ""}`;
    const direct = createQueue(sqs(clientOptions(this.server)));
    await direct.ensure(name, { ordering, leaseMs });
    const { hostname, port } = new URL(this.server.endpoint);
    const proxy = await HttpProxy.start({ host: hostname, port: Number(port) });
    return new ProxiedQueue(name, proxy, direct, rest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

export interface ProxiedQueueOptions extends SqsOptions, Pick<QueueOptions, "random"> {
  readonly ordering?: "none" | "by_key" | undefined;
  readonly leaseMs?: number | undefined;
}

/** A queue, a proxy in front of its server, and a client that connects through the proxy. */
export class ProxiedQueue implements AsyncDisposable {
  readonly name: string;
  readonly proxy: HttpProxy;
  readonly queue: Queue;
  /** A client that connects without the proxy. */
  readonly direct: Queue;
  /** Every request that arrived at the proxy. */
  readonly seen: SeenCall[] = [];
  readonly #options: SqsOptions & Pick<QueueOptions, "random">;
  readonly #opened: Queue[] = [];

  constructor(
    name: string,
    proxy: HttpProxy,
    direct: Queue,
    options: SqsOptions & Pick<QueueOptions, "random">,
  ) {
    this.name = name;
    this.proxy = proxy;
    this.direct = direct;
    this.#options = options;
    const watch = (call: HttpCall): boolean => {
      this.seen.push({ ...call, at: Date.now() });
      return false;
    };
    proxy.on({ where: watch }, { kind: "black_hole" });
    this.queue = this.connect();
  }

  /** Options of a client that connects through the proxy. */
  get options(): SqsOptions {
    return { ...clientOptions(this.proxy), waitSeconds: 1 };
  }

  /** Creates another client that connects through the proxy. */
  connect(options: SqsOptions = {}): Queue {
    const { random, ...driver } = this.#options;
    const queue = createQueue(sqs({ ...this.options, ...driver, ...options }), { random });
    this.#opened.push(queue);
    return queue;
  }

  /** Requests of one operation that arrived, of all queues or of one. */
  calls(operation: string, queue?: string): SeenCall[] {
    return this.seen.filter(
      (call) => call.operation === operation && (queue === undefined || isFor(queue)(call)),
    );
  }

  /** Sends this many jobs. Returns their ids. */
  async fill(count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, payload) => ({ type: "job", payload }));
    const outcomes = await this.queue.sendBatch(this.name, messages);
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  /** Number of messages that are ready or leased. If it is 0, no message can be redelivered. */
  async backlog(): Promise<number | undefined> {
    return (await this.direct.stats(this.name)).backlog;
  }

  /** Receives until the returned function is called. The function resolves when the drain has ended. */
  receive(handler: Handler, options: ReceiveOptions = {}): () => Promise<void> {
    const stop = new AbortController();
    const receiving = this.queue.receive(this.name, handler, { ...options, signal: stop.signal });
    return () => {
      stop.abort();
      return receiving;
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((queue) => queue.close()));
    await this.direct.drop(this.name);
    await this.direct.close();
    await this.proxy.close();
  }
}

/** A condition that a request meets if it is for this queue. */
export function isFor(queue: string): (call: HttpCall) => boolean {
  return ({ json }) => String(json?.["QueueUrl"]).endsWith(`/${queue}`);
}

/** The entries of a batch. */
export function entriesOf({ json }: HttpCall): readonly Readonly<Record<string, unknown>>[] {
  return (json?.["Entries"] ?? []) as readonly Readonly<Record<string, unknown>>[];
}
