import { randomUUID } from "node:crypto";
import { sqs, type SqsOptions } from "../../adapters/sqs/index.ts";
import { createQueue, type QueueOptions } from "../../src/client/create-queue.ts";
import type { Handler, Queue, ReceiveOptions } from "../../src/queue/queue.ts";
import type { HttpCall } from "./proxy/http-call.ts";
import { HttpProxy } from "./proxy/http-proxy.ts";
import { clientOptions, type SqsServer, startSqsServer } from "./sqs-server.ts";

/** A request, and when it came. */
export interface Seen extends HttpCall {
  readonly at: number;
}

/** A server that speaks SQS, on which tests have lines of their own and do not disturb each other. */
export class SqsBed implements AsyncDisposable {
  readonly server: SqsServer;

  private constructor(server: SqsServer) {
    this.server = server;
  }

  static async start(): Promise<SqsBed> {
    return new SqsBed(await startSqsServer());
  }

  /** A fresh queue, and a client of it behind a proxy; both are the test's own. */
  async line(options: SqsLineOptions = {}): Promise<SqsLine> {
    const { ordering = "none", leaseMs = 30_000, ...rest } = options;
    const name = `q-${randomUUID()}${ordering === "by_key" ? ".fifo" : ""}`;
    const direct = createQueue(sqs(clientOptions(this.server)));
    await direct.ensure(name, { ordering, leaseMs });
    const { hostname, port } = new URL(this.server.endpoint);
    const proxy = await HttpProxy.start({ host: hostname, port: Number(port) });
    return new SqsLine(name, proxy, direct, rest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

export interface SqsLineOptions extends SqsOptions, Pick<QueueOptions, "random"> {
  readonly ordering?: "none" | "by_key" | undefined;
  readonly leaseMs?: number | undefined;
}

/** One queue, its proxy and a client behind it. */
export class SqsLine implements AsyncDisposable {
  readonly name: string;
  readonly proxy: HttpProxy;
  readonly queue: Queue;
  /** Past the proxy. */
  readonly direct: Queue;
  /** Every request that came to the proxy. */
  readonly seen: Seen[] = [];
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

  /** How to reach the server through the proxy. */
  get options(): SqsOptions {
    return { ...clientOptions(this.proxy), waitSeconds: 1 };
  }

  /** Another client behind the proxy. */
  connect(options: SqsOptions = {}): Queue {
    const { random, ...driver } = this.#options;
    const queue = createQueue(sqs({ ...this.options, ...driver, ...options }), { random });
    this.#opened.push(queue);
    return queue;
  }

  /** Requests of one operation, for one of its queues where it is told which. */
  calls(operation: string, queue?: string): Seen[] {
    return this.seen.filter(
      (call) => call.operation === operation && (queue === undefined || isOf(queue)(call)),
    );
  }

  async fill(count: number): Promise<string[]> {
    const messages = Array.from({ length: count }, (_, payload) => ({ type: "job", payload }));
    const outcomes = await this.queue.sendBatch(this.name, messages);
    return outcomes.map((outcome) => {
      if (!outcome.ok) throw outcome.error;
      return outcome.id;
    });
  }

  /** Messages that are ready or leased: where there is none, none can come again. */
  async left(): Promise<number | undefined> {
    return (await this.direct.stats(this.name)).backlog;
  }

  /** Receives until the returned function is called, which resolves when it has drained. */
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

/** Says of a request whether it is for this queue. */
export function isOf(queue: string): (call: HttpCall) => boolean {
  return ({ json }) => String(json?.["QueueUrl"]).endsWith(`/${queue}`);
}

/** The entries of a batch. */
export function entriesOf({ json }: HttpCall): readonly Readonly<Record<string, unknown>>[] {
  return (json?.["Entries"] ?? []) as readonly Readonly<Record<string, unknown>>[];
}
