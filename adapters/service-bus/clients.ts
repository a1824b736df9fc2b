import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type TokenCredential,
} from "@azure/service-bus";
import { QueueError } from "../../src/driver/index.ts";

/** Which namespace to talk to, and as whom: a connection string, or a namespace with a credential, or a client. */
export interface ConnectionOptions {
  readonly connectionString?: string | undefined;
  /** `<name>.servicebus.windows.net`. */
  readonly namespace?: string | undefined;
  /** Such as `DefaultAzureCredential` of `@azure/identity`. */
  readonly credential?: TokenCredential | undefined;
  /** Used for messages, and left open by `close`. Its retries should be off (`maxRetries: 0`), or outcomes blur. */
  readonly client?: ServiceBusClient | undefined;
  /** Used to describe, count and create queues. @default one like the client; false is none */
  readonly adminClient?: ServiceBusAdministrationClient | false | undefined;
  /** For the administration of an emulator whose port for that is another. @default `connectionString` */
  readonly adminConnectionString?: string | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly messages: ServiceBusClient;
  /** For sessions, which are waited for: longer than an answer may take. */
  readonly sessions: () => ServiceBusClient;
  /** Undefined where there is no way to have one. Whether it may do anything is seen when it is asked. */
  readonly admin: ServiceBusAdministrationClient | undefined;
  close(): Promise<void>;
}

/**
 * The core retries, and knows what it does: a retry in here would send twice in silence, after half a minute. A send
 * whose connection breaks is not heard of again before its timeout.
 */
const RETRIES: NonNullable<ServiceBusClientOptions["retryOptions"]> = {
  maxRetries: 0,
  retryDelayInMs: 100,
  timeoutInMs: 10_000,
};
/** This is how long the service looks for the next session with messages. */
const SESSION_WAIT_MS = 60_000;
const CLOSE_MS = 5_000;

/** @throws QueueError `config` where it does not say whom to talk to */
export function openClients(options: ConnectionOptions): Clients {
  const { client } = options;
  const messages = client ?? openMessages(options, RETRIES);
  let sessions = client;
  return {
    messages,
    sessions: () => (sessions ??= openMessages(options, { ...RETRIES, timeoutInMs: SESSION_WAIT_MS })),
    admin: openAdmin(options),
    async close() {
      if (client !== undefined) return;
      // A client whose network is gone waits for it.
      const enough = Promise.withResolvers<void>();
      const timer = setTimeout(enough.resolve, CLOSE_MS);
      const opened = sessions === undefined ? [messages] : [messages, sessions];
      const closing = opened.map((one) => one.close().catch(() => undefined));
      await Promise.race([Promise.all(closing), enough.promise]);
      clearTimeout(timer);
    },
  };
}

function openMessages(
  { connectionString, namespace, credential }: ConnectionOptions,
  retryOptions: NonNullable<ServiceBusClientOptions["retryOptions"]>,
): ServiceBusClient {
  if (connectionString !== undefined) {
    try {
      return new ServiceBusClient(connectionString, { retryOptions });
    } catch (cause) {
      throw new QueueError("config", `connectionString: ${(cause as Error).message}`, { cause });
    }
  }
  if (namespace !== undefined && credential !== undefined)
    return new ServiceBusClient(namespace, credential, { retryOptions });
  throw new QueueError(
    "config",
    "Service Bus needs a connectionString, or a namespace and a credential, or a client.",
  );
}

function openAdmin(options: ConnectionOptions): ServiceBusAdministrationClient | undefined {
  const { adminClient, connectionString, namespace, credential } = options;
  if (adminClient === false) return undefined;
  if (adminClient !== undefined) return adminClient;
  const at = options.adminConnectionString ?? connectionString;
  const retries = { retryOptions: { maxRetries: 0 } };
  if (at !== undefined) {
    const admin = new ServiceBusAdministrationClient(at, retries);
    if (/;?\s*UseDevelopmentEmulator=true/i.test(at)) speakClearText(admin);
    return admin;
  }
  if (namespace === undefined || credential === undefined) return undefined;
  return new ServiceBusAdministrationClient(namespace, credential, retries);
}

/** Emulators have no certificate, and this client knows no other scheme than https. */
function speakClearText(admin: ServiceBusAdministrationClient): void {
  admin.pipeline.addPolicy({
    name: "queueport-clear-text",
    sendRequest(request, next) {
      request.url = request.url.replace(/^https:/, "http:");
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
}
