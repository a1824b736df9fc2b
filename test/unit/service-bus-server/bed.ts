import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
  type ServiceBusReceiverOptions,
} from "@azure/service-bus";
import { afterAll } from "vitest";
import {
  type ServiceBusServer,
  type ServiceBusServerOptions,
  startServiceBusServer,
} from "../../../servers/service-bus/index.ts";

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

export function clientOf({ connectionString }: ServiceBusServer): ServiceBusClient {
  return new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 2_000 } });
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

/** Takes what comes within a moment, at most `count`. */
export function take(
  receiver: ServiceBusReceiver,
  count = 1,
  waitMs = 1_500,
): Promise<ServiceBusReceivedMessage[]> {
  return receiver.receiveMessages(count, { maxWaitTimeInMs: waitMs });
}

/** The first of them; it has to be there. */
export async function takeOne(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await take(receiver);
  if (message === undefined) throw new Error("nothing came");
  return message;
}

export function textOf({ body }: ServiceBusReceivedMessage): string {
  return Buffer.from(body as Buffer).toString();
}
