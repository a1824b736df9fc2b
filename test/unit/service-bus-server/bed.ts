import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusReceiverOptions,
} from "@azure/service-bus";
import { afterAll } from "vitest";
import type { NewMessage } from "../../../servers/service-bus/broker/message.ts";
import {
  type ServiceBusServer,
  type ServiceBusServerOptions,
  startServiceBusServer,
} from "../../../servers/service-bus/index.ts";

const PATIENCE_MS = 20_000;

/** A server, and Microsoft's own clients of it. */
export interface Bed {
  readonly server: ServiceBusServer;
  readonly client: ServiceBusClient;
  readonly admin: ServiceBusAdministrationClient;
  readonly receiver: (queue: string, options?: ServiceBusReceiverOptions) => ServiceBusReceiver;
}

/** Starts one; it ends with the file. */
export async function startBed(options: ServiceBusServerOptions): Promise<Bed> {
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

/** What has not been answered by then fails: after long enough for a process that stands still meanwhile. */
export function clientOf(
  { connectionString }: ServiceBusServer,
  timeoutInMs: number = PATIENCE_MS,
): ServiceBusClient {
  return new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs } });
}

function adminOf({ connectionString }: ServiceBusServer): ServiceBusAdministrationClient {
  const admin = new ServiceBusAdministrationClient(connectionString);
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

/** Takes `count` messages; they have to be there. */
export async function take(
  receiver: ServiceBusReceiver,
  count: number,
): Promise<ServiceBusReceivedMessage[]> {
  const taken: ServiceBusReceivedMessage[] = [];
  while (taken.length < count) {
    const some = await receiver.receiveMessages(count - taken.length, { maxWaitTimeInMs: PATIENCE_MS });
    if (some.length === 0) throw new Error(`only ${taken.length} of ${count} came`);
    taken.push(...some);
  }
  return taken;
}

export async function takeOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await take(receiver, 1);
  return message as ServiceBusReceivedMessage;
}

/** What comes within a moment, where nothing should. */
export function stray(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage[]> {
  return receiver.receiveMessages(1, { maxWaitTimeInMs: 300 });
}

export function textOf({ body }: ServiceBusReceivedMessage): string {
  return Buffer.from(body as Buffer).toString();
}

/** A message as the broker takes it in. */
export function newMessage(messageId: string, sessionId?: string): NewMessage {
  return {
    bare: Buffer.from("x"),
    messageId,
    sessionId,
    partitionKey: undefined,
    ttlMs: undefined,
    scheduledAt: undefined,
  };
}
