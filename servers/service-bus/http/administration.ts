import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Namespace } from "../broker/namespace.ts";
import { Refusal } from "../broker/refusal.ts";
import { assertAuthorized, type Keys } from "../tokens.ts";
import { entryOf, errorOf, feedOf, readQueue } from "./atom.ts";

/** Largest body of a request. The description of a queue has about two kilobytes. */
const MAX_BODY_BYTES = 1_048_576;
/** Time after which a connection without traffic ends. */
const IDLE_MS = 60_000;
const QUEUE_LIST = "/$resources/queues";

interface AtomResponse {
  readonly status: number;
  readonly xml: string;
}

/**
 * The HTTP side of the server: the queue operations of `ServiceBusAdministrationClient`. That client always uses https.
 * A policy in its pipeline has to change that to http.
 */
export class AdministrationServer {
  readonly #namespace: Namespace;
  readonly #keys: Keys;
  readonly #server: Server;
  readonly #opening = new WeakMap<Socket, () => void>();

  constructor(namespace: Namespace, keys: Keys) {
    this.#namespace = namespace;
    this.#keys = keys;
    this.#server = createServer((request, response) => void this.#serve(request, response));
    this.#server.timeout = IDLE_MS;
  }

  /** @param onOpen called when the client has sent a whole request that it has a right to */
  accept(socket: Socket, onOpen: () => void): void {
    this.#opening.set(socket, onOpen);
    this.#server.emit("connection", socket);
  }

  close(): void {
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: AtomResponse;
    try {
      const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
      const name = decodeURIComponent(url.pathname).replace(/^\/|\/$/g, "");
      assertAuthorized(request.headers.authorization ?? "", name, this.#keys);
      const body = await bodyOf(request);
      this.#opening.get(request.socket)?.();
      reply = this.#handle(request, url, name, body);
    } catch (error) {
      const status = statusOf(error);
      reply = { status, xml: errorOf(status, error instanceof Error ? error.message : String(error)) };
    }
    // A body that was not read to its end would be taken for the next request.
    if (!request.complete) response.shouldKeepAlive = false;
    const type = reply.xml.startsWith("<feed") ? "feed" : "entry";
    response.writeHead(reply.status, { "content-type": `application/atom+xml;type=${type};charset=utf-8` });
    response.end(reply.xml);
  }

  #handle(request: IncomingMessage, url: URL, name: string, body: string): AtomResponse {
    const { method = "GET", headers } = request;
    if (method === "GET" && url.pathname.toLowerCase() === QUEUE_LIST) return this.#list(url);
    if (method === "GET") return { status: 200, xml: entryOf(this.#namespace.queue(name), url.origin) };
    if (method === "DELETE") {
      this.#namespace.drop(name);
      return { status: 200, xml: "" };
    }
    if (method !== "PUT") throw new Refusal("http:405", `${method} is not supported.`);
    const settings = readQueue(name, body);
    const isUpdate = headers["if-match"] !== undefined;
    if (!isUpdate && this.#namespace.has(name))
      throw new Refusal("http:409", `SubCode=40900. Conflict. The queue '${name}' already exists.`);
    const queue = isUpdate ? this.#namespace.update(settings) : this.#namespace.create(settings);
    return { status: isUpdate ? 200 : 201, xml: entryOf(queue, url.origin) };
  }

  #list(url: URL): AtomResponse {
    const skip = Number(url.searchParams.get("$skip") ?? 0);
    const top = Number(url.searchParams.get("$top") ?? 100);
    const queues = this.#namespace.queues().slice(skip, skip + top);
    return {
      status: 200,
      xml: feedOf(
        queues.map((queue) => entryOf(queue, url.origin)),
        url.origin,
      ),
    };
  }
}

function statusOf(error: unknown): number {
  if (error instanceof RangeError || error instanceof URIError) return 400;
  if (!(error instanceof Refusal)) return 500;
  if (error.condition === "amqp:unauthorized-access") return 401;
  if (error.condition === "amqp:not-found") return 404;
  const named = /^http:(\d+)$/.exec(error.condition)?.[1];
  return named === undefined ? 400 : Number(named);
}

/** @throws Refusal `http:413` if the body is too large, before it is read if its length is declared */
async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = Number(request.headers["content-length"] ?? 0);
  if (bytes > MAX_BODY_BYTES) throw tooLarge();
  bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function tooLarge(): Refusal {
  return new Refusal("http:413", `The body has more than ${MAX_BODY_BYTES} bytes.`);
}
