import { PubSub, protos, v1 } from "@google-cloud/pubsub";
import type { Clients } from "../../../adapters/pubsub/clients.ts";
import { GrpcFailure, GrpcServer, type Unary } from "../../support/grpc-server.ts";

/** One request as the stub received it. */
export interface Request {
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** The time limit that the client sent with it. */
  readonly timeoutMs: number;
}

type Answer = (call: Request) => unknown;
type Codec = {
  decode(bytes: Uint8Array): object;
  toObject(message: object, options: object): object;
  fromObject(object: object): object;
  encode(message: object): { finish(): Uint8Array };
};

const { google } = protos;
/** The types of request and response by method. */
const CODECS: Readonly<Record<string, readonly [Codec, Codec]>> = {
  publish: [google.pubsub.v1.PublishRequest, google.pubsub.v1.PublishResponse],
  pull: [google.pubsub.v1.PullRequest, google.pubsub.v1.PullResponse],
  acknowledge: [google.pubsub.v1.AcknowledgeRequest, google.protobuf.Empty],
  modifyAckDeadline: [google.pubsub.v1.ModifyAckDeadlineRequest, google.protobuf.Empty],
  getTopic: [google.pubsub.v1.GetTopicRequest, google.pubsub.v1.Topic],
  createTopic: [google.pubsub.v1.Topic, google.pubsub.v1.Topic],
  createSubscription: [google.pubsub.v1.Subscription, google.pubsub.v1.Subscription],
  updateSubscription: [google.pubsub.v1.UpdateSubscriptionRequest, google.pubsub.v1.Subscription],
  getSubscription: [google.pubsub.v1.GetSubscriptionRequest, google.pubsub.v1.Subscription],
} as never;

/** The library's clients on a stub service that records requests and answers as the test says. An `Error` is thrown. */
export class StubService implements AsyncDisposable {
  readonly requests: Request[] = [];
  readonly answers: Record<string, Answer> = {};
  readonly clients: Clients;
  readonly #server: GrpcServer;

  private constructor(server: GrpcServer, publisher: v1.PublisherClient, subscriber: v1.SubscriberClient) {
    this.#server = server;
    this.clients = {
      project: "p",
      publisher,
      subscriber,
      pulls: subscriber,
      emulated: false,
      answer: (call) => call,
    };
  }

  static async start(): Promise<StubService> {
    let stub: StubService | undefined;
    const methods = Object.entries(CODECS).map(([method, codecs]): [string, Unary] => [
      `/${method[0]?.toUpperCase()}${method.slice(1)}`,
      async (bytes, headers) => {
        const [request, response] = codecs;
        const decoded = request.toObject(request.decode(bytes), { longs: Number, arrays: true });
        const timeoutMs = milliseconds(String(headers["grpc-timeout"]));
        const answer = await stub?.answer({ method, request: decoded as Request["request"], timeoutMs });
        return response.encode(response.fromObject(answer ?? {})).finish();
      },
    ]);
    const server = await GrpcServer.start(Object.fromEntries(methods));
    const apiEndpoint = `127.0.0.1:${server.port}`;
    const config = {
      ...(await new PubSub({ projectId: "p", apiEndpoint, emulatorMode: true }).getClientConfig()),
      clientOptions: { universeDomain: "googleapis.com" },
    };
    stub = new StubService(server, new v1.PublisherClient(config), new v1.SubscriberClient(config));
    return stub;
  }

  async answer(call: Request): Promise<object | undefined> {
    this.requests.push(call);
    const answer: unknown = await this.answers[call.method]?.(call);
    if (answer instanceof Error) throw answer;
    return answer as object | undefined;
  }

  /** One field of every request of a method. */
  fields(method: string, name: string): unknown[] {
    return this.requests.filter((one) => one.method === method).map(({ request }) => request[name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clients.publisher.close();
    await this.clients.subscriber.close();
    await this.#server[Symbol.asyncDispose]();
  }
}

/** An error of gRPC. @param reasons the reasons of single ids, in an ErrorInfo */
export function grpcError(code: number, reasons: Readonly<Record<string, string>> = {}): Error {
  const metadata = Object.entries(reasons).map(([id, reason]) =>
    field(3, Buffer.concat([field(1, id), field(2, reason)])),
  );
  if (metadata.length === 0) return new GrpcFailure(code, `status ${code}`);
  const info = Buffer.concat([field(1, "REASON"), field(2, "pubsub.googleapis.com"), ...metadata]);
  const any = Buffer.concat([field(1, "type.googleapis.com/google.rpc.ErrorInfo"), field(2, info)]);
  const status = Buffer.concat([Buffer.from([0x08, code]), field(2, `status ${code}`), field(3, any)]);
  return new GrpcFailure(code, `status ${code}`, status);
}

/** Encodes one field of a protobuf message that holds bytes or text. */
function field(number: number, value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value as string);
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 127; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, rest]), bytes]);
}

/** Parses a time limit of gRPC, such as `9000m`, `8999123u` or `9S`. */
function milliseconds(timeout: string): number {
  const units: Readonly<Record<string, number>> = {
    H: 3_600_000,
    M: 60_000,
    S: 1_000,
    m: 1,
    u: 1e-3,
    n: 1e-6,
  };
  return Number(timeout.slice(0, -1)) * (units[timeout.at(-1) ?? ""] ?? Number.NaN);
}
