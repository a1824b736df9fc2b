import {
  ServiceBusAdministrationClient,
  ServiceBusClient,
  type ServiceBusClientOptions,
  type TokenCredential,
} from "@azure/service-bus";
import { QueueError } from "../../src/driver/index.ts";
import { endedWithin } from "./time.ts";

/**
 * The namespace, and how to sign in: a `connectionString`, or a `namespace` with a `credential`, or a `client`.
 */
export interface ConnectionOptions {
  /** Connection string of the namespace, with a shared access key. */
  readonly connectionString?: string | undefined;
  /** Host of the namespace: `<name>.servicebus.windows.net`. Needs a `credential`. */
  readonly namespace?: string | undefined;
  /** Credential of Microsoft Entra ID, such as `DefaultAzureCredential` of `@azure/identity`. */
  readonly credential?: TokenCredential | undefined;
  /**
   * Client for messages. The driver does not close it. Turn its retries off (`retryOptions: { maxRetries: 0 }`): the SDK
   * repeats a send without reporting that the first attempt may have succeeded.
   */
  readonly client?: ServiceBusClient | undefined;
  /**
   * Client that describes, counts and creates queues; `false` for none.
   * @default a client with the same credentials
   */
  readonly adminClient?: ServiceBusAdministrationClient | false | undefined;
  /** Connection string for the administration, for an emulator with a separate port. @default `connectionString` */
  readonly adminConnectionString?: string | undefined;
}

/** The SDK clients of one driver. */
export interface Clients {
  readonly messages: ServiceBusClient;
  /** Returns the client that accepts sessions. Its timeout is longer, since accepting a session waits for messages. */
  readonly sessions: () => ServiceBusClient;
  /** `undefined` if the options allow none. Its permissions are unknown until it is used. */
  readonly admin: ServiceBusAdministrationClient | undefined;
  close(): Promise<void>;
}

/**
 * No retries in the SDK, since the core retries and knows that a lost answer is ambiguous. The timeout is 10 s in place of
 * 60 s, since the SDK does not report a lost connection to a pending send before its timeout.
 */
const RETRY_OPTIONS: NonNullable<ServiceBusClientOptions["retryOptions"]> = {
  maxRetries: 0,
  retryDelayInMs: 100,
  timeoutInMs: 10_000,
};
/** Time that Service Bus waits for the next session with messages. */
const SESSION_WAIT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 5_000;

/** @throws QueueError with code `config` if the options name no namespace or no way to sign in */
export function openClients(options: ConnectionOptions): Clients {
  const { client } = options;
  const messages = client ?? openMessages(options, RETRY_OPTIONS);
  let sessions = client;
  return {
    messages,
    sessions: () => (sessions ??= openMessages(options, { ...RETRY_OPTIONS, timeoutInMs: SESSION_WAIT_MS })),
    admin: openAdmin(options),
    async close() {
      if (client !== undefined) return;
      const opened = sessions === undefined ? [messages] : [messages, sessions];
      await endedWithin(CLOSE_TIMEOUT_MS, Promise.allSettled(opened.map((one) => one.close())));
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
  const adminConnectionString = options.adminConnectionString ?? connectionString;
  const clientOptions = { retryOptions: { maxRetries: 0 } };
  if (adminConnectionString !== undefined) {
    const admin = new ServiceBusAdministrationClient(adminConnectionString, clientOptions);
    if (/;?\s*UseDevelopmentEmulator=true/i.test(adminConnectionString)) useHttp(admin);
    return admin;
  }
  if (namespace === undefined || credential === undefined) return undefined;
  return new ServiceBusAdministrationClient(namespace, credential, clientOptions);
}

/** Makes the client use http. It always builds https addresses, but emulators have no certificate. */
function useHttp(admin: ServiceBusAdministrationClient): void {
  admin.pipeline.addPolicy({
    name: "queueport-clear-text",
    sendRequest(request, next) {
      request.url = request.url.replace(/^https:/, "http:");
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
}
