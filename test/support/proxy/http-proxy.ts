import { once } from "node:events";
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  callOf,
  errorAnswer,
  type HttpAction,
  type HttpCall,
  type HttpPacket,
  parse,
  readBody,
} from "./http-call.ts";
import { type Rule, type RuleMatch, Rules } from "./rules.ts";
import { omitEntry, splitBatch } from "./sqs-batch.ts";
import type { Target } from "./tcp-proxy.ts";

export interface HttpProxyOptions {
  /** Seed of the random choices for `share`. @default 1 */
  readonly seed?: number | undefined;
}

/** Which requests a rule applies to. */
export interface HttpMatch extends RuleMatch<HttpCall> {
  /** @default every operation */
  readonly operation?: string | undefined;
}

/** Headers that are valid for one hop only, or that describe the body before the proxy changed it. */
const HOP_HEADERS = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "content-length",
  "x-amz-crc32",
]);

/**
 * A proxy between an SQS client and its server, for HTTP/1.1. Counts requests by operation, and makes single requests
 * fail in ways that happen in production.
 *
 * @example
 * await using proxy = await HttpProxy.start({ port: server.port });
 * proxy.on({ operation: "DeleteMessageBatch" }, { kind: "drop_response" });
 * const driver = sqs({ endpoint: proxy.endpoint });
 */
export class HttpProxy implements AsyncDisposable {
  /** Number of requests that arrived, by operation. */
  readonly counts: Map<string, number> = new Map();
  readonly #target: Target;
  readonly #rules: Rules<HttpCall, HttpAction>;
  readonly #server: Server;
  readonly #agent = new Agent({ keepAlive: true });

  private constructor(target: Target, seed: number) {
    this.#target = target;
    this.#rules = new Rules(seed);
    this.#server = createServer((incoming, outgoing) => {
      // A failure of the server, or a client that has left, looks to the other side like a cut connection.
      this.#serve(incoming, outgoing).catch(() => outgoing.destroy());
    });
  }

  static async start(target: Target, { seed = 1 }: HttpProxyOptions = {}): Promise<HttpProxy> {
    const proxy = new HttpProxy(target, seed);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  count(operation: string): number {
    return this.counts.get(operation) ?? 0;
  }

  /** Applies `action` to the requests that match. */
  on({ operation, where, ...match }: HttpMatch, action: HttpAction): Rule {
    const both = (call: HttpCall): boolean =>
      (operation === undefined || call.operation === operation) && where?.(call) !== false;
    return this.#rules.add({ ...match, where: both }, action);
  }

  /** Cuts every open connection of the clients. The server still handles the requests that it has received. */
  cutAll(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.cutAll();
    this.#agent.destroy();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = await readBody(incoming);
    const call = callOf(incoming, body);
    this.counts.set(call.operation, this.count(call.operation) + 1);
    const action = this.#rules.pick(call);
    switch (action?.kind) {
      case "black_hole":
        return;
      case "answer": {
        const { headers, body: text } = errorAnswer(action.code, action.status);
        return reply(outgoing, action.status, { headers: { ...headers, ...action.headers }, body: text });
      }
      case "drop_response":
        await this.#forward(incoming, body);
        outgoing.destroy();
        return;
      case "hold_answer": {
        const { status, packet } = await this.#forward(incoming, body, outgoing);
        await sleep(action.ms);
        return reply(outgoing, status, packet);
      }
      case "break_off": {
        const { status, packet } = await this.#forward(incoming, body, outgoing);
        outgoing
          .writeHead(status, withoutHopHeaders(packet.headers) as Record<string, string>)
          .flushHeaders();
        return;
      }
      case "fail_entry":
        return this.#serveWithoutEntry(incoming, outgoing, call, action);
      case "omit_entry": {
        const { status, packet } = await this.#forward(incoming, body, outgoing);
        return reply(outgoing, status, jsonPacket(omitEntry(call, action.index, parse(packet.body) ?? {})));
      }
      case "stall":
        await action.until;
        break;
      default:
    }
    const { status, packet } = await this.#forward(incoming, body, outgoing);
    reply(outgoing, status, packet);
  }

  async #serveWithoutEntry(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    call: HttpCall,
    action: HttpAction & { readonly kind: "fail_entry" },
  ): Promise<void> {
    const split = splitBatch(call, action);
    if (split === undefined) throw new TypeError(`${call.operation} has no entry ${action.index}`);
    if (split.request === undefined) return reply(outgoing, 200, jsonPacket(split.answer({})));
    const { status, packet } = await this.#forward(
      incoming,
      Buffer.from(JSON.stringify(split.request)),
      outgoing,
    );
    const served = status === 200 ? parse(packet.body) : undefined;
    reply(outgoing, status, served === undefined ? packet : jsonPacket(split.answer(served), packet.headers));
  }

  /** Sends the request to the server. If `client` closes before the answer, this request is aborted too. */
  async #forward(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
    client?: ServerResponse,
  ): Promise<{ readonly status: number; readonly packet: HttpPacket }> {
    const { host = "127.0.0.1", port } = this.#target;
    const ours = { ...withoutHopHeaders(headers), "content-length": String(body.length) };
    const asked = request({ host, port, method, path: url, headers: ours, agent: this.#agent });
    const leave = (): void => void asked.destroy();
    client?.once("close", leave);
    // A later error needs no handling here: it ends the answer, whose reader then fails.
    asked.on("error", () => {});
    asked.end(body);
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    const packet = { headers: answer.headers, body: await readBody(answer) };
    client?.off("close", leave);
    return { status: answer.statusCode ?? 502, packet };
  }
}

function jsonPacket(value: object, headers: HttpPacket["headers"] = {}): HttpPacket {
  const type = { "content-type": "application/x-amz-json-1.0" };
  return { headers: { ...type, ...headers }, body: Buffer.from(JSON.stringify(value)) };
}

function reply(outgoing: ServerResponse, status: number, { headers, body }: HttpPacket): void {
  if (outgoing.destroyed) return;
  const length = { "content-length": String(body.length) };
  outgoing
    .writeHead(status, { ...withoutHopHeaders(headers), ...length } as Record<string, string | string[]>)
    .end(body);
}

function withoutHopHeaders(headers: HttpPacket["headers"]): Record<string, string | readonly string[]> {
  const kept = Object.entries(headers).filter(
    (entry): entry is [string, string | readonly string[]] =>
      entry[1] !== undefined && !HOP_HEADERS.has(entry[0]),
  );
  return Object.fromEntries(kept);
}
