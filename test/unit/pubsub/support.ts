import type { v1 } from "@google-cloud/pubsub";
import type { Clients } from "../../../adapters/pubsub/clients.ts";

/** One request, as the client library was asked to make it. */
export interface Request {
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly options: { readonly retry: null; readonly timeout: number; readonly signal?: AbortSignal };
}

type Answer = (call: Request) => unknown;

/** Clients that note every request and answer what the test says; an `Error` is thrown. */
export class FakeClients {
  readonly requests: Request[] = [];
  readonly answers: Record<string, Answer> = {};
  readonly clients: Clients;

  constructor() {
    const client = new Proxy(
      {},
      {
        get: (_, method: string) => async (request: Request["request"], options: Request["options"]) => {
          const call = { method, request, options };
          this.requests.push(call);
          const answer: unknown = await this.answers[method]?.(call);
          if (answer instanceof Error) throw answer;
          return [answer ?? {}];
        },
      },
    );
    this.clients = {
      project: "p",
      publisher: client as v1.PublisherClient,
      subscriber: client as v1.SubscriberClient,
      pulls: client as v1.SubscriberClient,
      emulated: false,
      answer: (call) => call,
    };
  }

  /** The requests by this method, by one field. */
  fields(method: string, field: string): unknown[] {
    return this.requests.filter((one) => one.method === method).map(({ request }) => request[field]);
  }
}

/** An error as gRPC reports it. */
export function grpcError(code: number, more: object = {}): Error {
  return Object.assign(new Error(`status ${code}`), { code, ...more });
}
