import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Namespace } from "../broker/namespace.ts";
import { Refusal } from "../broker/refusal.ts";
import { type Keys, readSignature } from "../tokens.ts";
import { entryOf, errorOf, feedOf, readQueue } from "./atom.ts";

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

  constructor(namespace: Namespace, keys: Keys) {
    this.#namespace = namespace;
    this.#keys = keys;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  accept(socket: Socket): void {
    this.#server.emit("connection", socket);
  }

  close(): void {
    this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let reply: AtomResponse;
    try {
      const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
      reply = this.#handle(request, url, await bodyOf(request));
    } catch (error) {
      const status = statusOf(error);
      reply = { status, xml: errorOf(status, error instanceof Error ? error.message : String(error)) };
    }
    const type = reply.xml.startsWith("<feed") ? "feed" : "entry";
    response.writeHead(reply.status, { "content-type": `application/atom+xml;type=${type};charset=utf-8` });
    response.end(reply.xml);
  }

  #handle(request: IncomingMessage, url: URL, body: string): AtomResponse {
    const { method = "GET", headers } = request;
    const token = headers.authorization ?? "";
    if (!token.startsWith("Bearer ")) readSignature(token, this.#keys);
    const name = decodeURIComponent(url.pathname).replace(/^\/|\/$/g, "");
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
  if (error instanceof RangeError) return 400;
  if (!(error instanceof Refusal)) return 500;
  if (error.condition === "amqp:unauthorized-access") return 401;
  if (error.condition === "amqp:not-found") return 404;
  const named = /^http:(\d+)$/.exec(error.condition)?.[1];
  return named === undefined ? 400 : Number(named);
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
