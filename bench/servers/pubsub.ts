import { protos } from "@google-cloud/pubsub";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { encode } from "../../src/message/envelope.ts";
import { completeMessage } from "../../src/message/new-message.ts";
import { messageOf } from "../contenders/job.ts";
import { answerCommands } from "./server.ts";

/** Answers the gRPC protocol of Pub/Sub from memory. A delivered message is never delivered again. */

const { pubsub } = protos.google;
const { PublishRequest, PublishResponse, PubsubMessage, ReceivedMessage, Subscription } = pubsub.v1;
const { AcknowledgeRequest, PullRequest, StreamingPullRequest } = pubsub.v1;

type Stream = ServerDuplexStream<protos.google.pubsub.v1.StreamingPullRequest, Uint8Array>;

/** A stream, and the number of messages that it has room for. */
interface Subscriber {
  readonly stream: Stream;
  room: number;
}

interface Pulling {
  readonly max: number;
  readonly answer: sendUnaryData<Uint8Array>;
}

const NOTHING = new Uint8Array(0);
/** Number of messages in one answer of a stream. */
const CHUNK = 100;

/** A published message that was not delivered yet. */
interface Published {
  readonly id: string;
  readonly message: protos.google.pubsub.v1.IPubsubMessage;
}

/**
 * Messages that were not delivered yet. The messages of a `fill` are encoded in advance. A published message is encoded when it
 * is delivered, so that a publish takes as little time here as possible.
 */
let backlog: (Uint8Array | Published)[] = [];
let head = 0;
let lastId = 0;
let requests = 0;
const pulling = new Set<Pulling>();
const subscribers = new Set<Subscriber>();
const holders = new Map<string, Subscriber>();

function store(message: protos.google.pubsub.v1.IPubsubMessage): string {
  lastId += 1;
  const id = String(lastId);
  backlog.push({ id, message });
  return id;
}

/** Encodes a message with its ack id as a field of a `PullResponse`. */
function encoded({ id: messageId, message }: Published): Uint8Array {
  const received = ReceivedMessage.encode({
    ackId: `ack-${messageId}-${"0".repeat(160)}`,
    message: { ...message, messageId, publishTime: { seconds: Math.floor(Date.now() / 1_000) } },
    deliveryAttempt: 1,
  }).finish();
  // The tag of field 1 and the length of the message as a varint.
  const length: number[] = [];
  for (let rest = received.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), received]);
}

function take(max: number): Uint8Array[] {
  const taken = backlog
    .slice(head, head + max)
    .map((one) => (one instanceof Uint8Array ? one : encoded(one)));
  head += taken.length;
  if (head === backlog.length) {
    backlog = [];
    head = 0;
  }
  return taken;
}

function serve(): void {
  for (const pull of pulling) {
    if (head === backlog.length) return;
    pulling.delete(pull);
    pull.answer(null, Buffer.concat(take(pull.max)));
  }
  for (const subscriber of subscribers) {
    while (subscriber.room > 0 && head < backlog.length) {
      const taken = take(Math.min(CHUNK, subscriber.room));
      subscriber.room -= taken.length;
      for (const bytes of taken) holders.set(ackIdOf(bytes), subscriber);
      subscriber.stream.write(Buffer.concat(taken));
    }
  }
}

/** Reads the ack id, which is the first field of an encoded message. */
function ackIdOf(bytes: Uint8Array): string {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset).indexOf("ack-");
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.byteLength - at).toString("latin1", 0, 20);
}

const publish: handleUnaryCall<protos.google.pubsub.v1.PublishRequest, Uint8Array> = (
  { request },
  answer,
) => {
  requests += 1;
  answer(null, PublishResponse.encode({ messageIds: request.messages.map(store) }).finish());
  serve();
};

const pull: handleUnaryCall<protos.google.pubsub.v1.PullRequest, Uint8Array> = (call, answer) => {
  requests += 1;
  // The delay queue is always empty, so such a pull waits until its client cancels it.
  if (!call.request.subscription.endsWith("/bench")) return;
  const waiting: Pulling = { max: call.request.maxMessages, answer };
  pulling.add(waiting);
  call.on("cancelled", () => pulling.delete(waiting));
  serve();
};

const acknowledge: handleUnaryCall<protos.google.pubsub.v1.AcknowledgeRequest, Uint8Array> = (
  { request },
  answer,
) => {
  requests += 1;
  for (const ackId of request.ackIds) {
    const subscriber = holders.get(ackId.slice(0, 20));
    if (subscriber === undefined) continue;
    holders.delete(ackId.slice(0, 20));
    subscriber.room += 1;
  }
  answer(null, NOTHING);
  serve();
};

const count: handleUnaryCall<unknown, Uint8Array> = (_, answer) => {
  requests += 1;
  answer(null, NOTHING);
};

const getSubscription: handleUnaryCall<unknown, Uint8Array> = (_, answer) => {
  const subscription = {
    name: "projects/bench/subscriptions/bench",
    topic: "projects/bench/topics/bench",
    ackDeadlineSeconds: 30,
    deadLetterPolicy: { deadLetterTopic: "projects/bench/topics/bench-dlq", maxDeliveryAttempts: 100 },
  };
  answer(null, Subscription.encode(subscription).finish());
};

const streamingPull: handleBidiStreamingCall<protos.google.pubsub.v1.StreamingPullRequest, Uint8Array> = (
  stream,
) => {
  const subscriber: Subscriber = { stream, room: 0 };
  stream.on("data", ({ maxOutstandingMessages, subscription }) => {
    if (subscription === "") return;
    requests += 1;
    subscriber.room = Number(maxOutstandingMessages) || 1_000;
    subscribers.add(subscriber);
    serve();
  });
  const end = (): void => void subscribers.delete(subscriber);
  stream.on("cancelled", end);
  stream.on("error", end);
  stream.on("end", () => {
    end();
    stream.end();
  });
};

interface Decoder {
  decode(bytes: Uint8Array): unknown;
}

function method(path: string, request: Decoder | undefined, streams = false): ServiceDefinition[string] {
  return {
    path: `/google.pubsub.v1.${path}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => request?.decode(bytes) ?? {},
    responseSerialize: (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    responseDeserialize: () => undefined,
  };
}

const server = new Server({ "grpc.max_receive_message_length": -1 });
const definition: ServiceDefinition = {
  publish: method("Publisher/Publish", PublishRequest),
  pull: method("Subscriber/Pull", PullRequest),
  acknowledge: method("Subscriber/Acknowledge", AcknowledgeRequest),
  modifyAckDeadline: method("Subscriber/ModifyAckDeadline", undefined),
  getSubscription: method("Subscriber/GetSubscription", undefined),
  streamingPull: method("Subscriber/StreamingPull", StreamingPullRequest, true),
};
const implementation: UntypedServiceImplementation = {
  publish,
  pull,
  acknowledge,
  modifyAckDeadline: count,
  getSubscription,
  streamingPull,
};
server.addService(definition, implementation);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  answerCommands(({ fill }) => {
    if (fill !== undefined) refill(fill);
    return { requests, address: `127.0.0.1:${port}` };
  });
});

function refill(fill: number): void {
  backlog = [];
  head = 0;
  requests = 0;
  holders.clear();
  for (let number = 0; number < fill; number += 1) {
    const { body, attributes } = encode(
      completeMessage({ ...messageOf(number), schema: undefined }, Date.now()),
    );
    store(PubsubMessage.fromObject({ data: Buffer.from(body), attributes }));
  }
  backlog = backlog.map((one) => (one instanceof Uint8Array ? one : encoded(one)));
}
