import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusReceiverOptions,
} from "@azure/service-bus";
import { afterAll } from "vitest";
import { withProperties } from "../../../servers/service-bus/amqp/sections.ts";
import type { Consumer } from "../../../servers/service-bus/broker/consumers.ts";
import type { SentMessage } from "../../../servers/service-bus/broker/message.ts";
import { Namespace } from "../../../servers/service-bus/broker/namespace.ts";
import {
  type ServiceBusServer,
  type ServiceBusServerOptions,
  startServiceBusServer,
} from "../../../servers/service-bus/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";

/** Time after which a call of the SDK fails. It is long, because the test process may be suspended for a while. */
const TIMEOUT_MS = 20_000;

/** A server with Microsoft's own clients. */
export interface ServerFixture {
  readonly server: ServiceBusServer;
  readonly client: ServiceBusClient;
  readonly admin: ServiceBusAdministrationClient;
  readonly receiver: (queue: string, options?: ServiceBusReceiverOptions) => ServiceBusReceiver;
}

/** Starts a server, which ends after the test file. */
export async function startServer(options: ServiceBusServerOptions): Promise<ServerFixture> {
  const server = await startServiceBusServer(options);
  const client = clientOf(server);
  afterAll(async () => {
    await client.close();
    await server.stop();
  });
  return {
    server,
    client,
    admin: adminOf(server),
    receiver: (queue, receiverOptions) =>
      client.createReceiver(queue, {
        maxAutoLockRenewalDurationInMs: 0,
        skipParsingBodyAsJson: true,
        ...receiverOptions,
      }),
  };
}

export function clientOf(
  { connectionString }: ServiceBusServer,
  timeoutInMs: number = TIMEOUT_MS,
): ServiceBusClient {
  return new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs } });
}

/** An administration client that uses http. */
export function adminOf({
  connectionString,
}: Pick<ServiceBusServer, "connectionString">): ServiceBusAdministrationClient {
  const admin = new ServiceBusAdministrationClient(connectionString, { retryOptions: { maxRetries: 0 } });
  admin.pipeline.addPolicy({
    name: "clear-text",
    sendRequest(request, next) {
      request.url = request.url.replace("https:", "http:");
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
  return admin;
}

/** Receives `count` messages. Fails if they do not arrive. */
export async function take(
  receiver: ServiceBusReceiver,
  count: number,
): Promise<ServiceBusReceivedMessage[]> {
  const taken: ServiceBusReceivedMessage[] = [];
  while (taken.length < count) {
    const some = await receiver.receiveMessages(count - taken.length, { maxWaitTimeInMs: TIMEOUT_MS });
    if (some.length === 0) throw new Error(`only ${taken.length} of ${count} messages arrived`);
    taken.push(...some);
  }
  return taken;
}

export async function takeOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await take(receiver, 1);
  return message as ServiceBusReceivedMessage;
}

/** Messages that arrive within 300 ms, for tests that expect none. */
export function stray(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage[]> {
  return receiver.receiveMessages(1, { maxWaitTimeInMs: 300 });
}

export function textOf({ body }: ServiceBusReceivedMessage): string {
  return Buffer.from(body as Buffer).toString();
}

/** A namespace without a server. */
export function newNamespace(clock: FakeClock = new FakeClock()): Namespace {
  return new Namespace(clock, withProperties);
}

/** A message for the broker. */
export function sentMessage(messageId: string, sessionId?: string): SentMessage {
  return {
    bare: Buffer.from("x"),
    messageId,
    sessionId,
    partitionKey: undefined,
    ttlMs: undefined,
    scheduledAt: undefined,
    durable: undefined,
    priority: undefined,
    annotations: undefined,
  };
}

/** A consumer that takes one message and does nothing with it. */
export const consumer: Consumer = { credit: 1, isIdle: false, deletes: false, deliver() {}, end() {} };
