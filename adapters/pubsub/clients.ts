import { type ClientConfig, PubSub, v1 } from "@google-cloud/pubsub";
import { DriverError, QueueError } from "../../src/driver/index.ts";
import { CODE, codeOf } from "./errors.ts";

/** The address of the service and the credentials. Google's library finds the settings that are left out. */
export interface ConnectionOptions {
  readonly projectId?: string | undefined;
  /** `host:port` of an emulator, which has no encryption and no credentials. Needs a `projectId`, which can be any. */
  readonly emulatorHost?: string | undefined;
  /** A regional endpoint, such as `europe-west1-pubsub.googleapis.com`. Order by key is kept within a region only. */
  readonly apiEndpoint?: string | undefined;
  readonly credentials?: { readonly client_email: string; readonly private_key: string } | undefined;
  /** The path of a file that holds credentials. */
  readonly keyFilename?: string | undefined;
  /** Clients to use for all requests. `close` leaves them open. Needs `projectId`. */
  readonly clients?:
    | { readonly publisher: v1.PublisherClient; readonly subscriber: v1.SubscriberClient }
    | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly project: string;
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  /** The client for pulls. It has its own connection, so that acknowledgements and extensions never wait for a pull. */
  readonly pulls: v1.SubscriberClient;
  readonly emulated: boolean;
  /** Waits for the answer to a call. If there is none in time, the next callers get clients with new connections. */
  answer<T>(call: Promise<T>): Promise<T>;
}

/** The options of one call. No retry: after a lost answer, the library would publish twice. The core retries instead. */
export interface CallOptions {
  readonly retry: null;
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** The time limit of a request: less than the 10 seconds after which the core stops waiting for it. */
export const REQUEST_TIMEOUT_MS = 9_000;

/** Creates the options of one call. They must not be shared, since the library writes into them. */
export function once(timeoutMs: number = REQUEST_TIMEOUT_MS, signal?: AbortSignal): CallOptions {
  return signal === undefined
    ? { retry: null, timeout: timeoutMs }
    : { retry: null, timeout: timeoutMs, signal };
}

/** Settings of a connection that make it reconnect within seconds, not minutes, after an outage. */
const CHANNEL = {
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
};
/** The time that requests on a replaced connection have to end. */
const RETIRE_MS = 30_000;

/** Opens the clients on first use, since the library may have to look up the project. */
export class Connections {
  readonly #options: ConnectionOptions;
  #clients: Promise<Clients> | undefined;
  readonly #retired = new Map<Clients, NodeJS.Timeout>();
  #closed = false;

  /** @throws QueueError `config` if `projectId` is missing */
  constructor(options: ConnectionOptions) {
    const { projectId, emulatorHost, clients } = options;
    if (projectId === undefined && (emulatorHost !== undefined || clients !== undefined)) {
      throw new QueueError("config", "projectId is needed with an emulator, and with injected clients.");
    }
    this.#options = options;
  }

  /**
   * Returns the clients. A failure is not cached, since credentials may be added later.
   * @throws DriverError `permanent` after {@link close}
   */
  clients(): Promise<Clients> {
    // A late call must not open connections that nothing would close.
    if (this.#closed) return Promise.reject(new DriverError("permanent", "The Pub/Sub driver is closed"));
    if (this.#clients === undefined) {
      const opening = open(this.#options, (clients) => this.#replace(clients));
      opening.catch(() => {
        if (this.#clients === opening) this.#clients = undefined;
      });
      this.#clients = opening;
    }
    return this.#clients;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const opened = this.#clients;
    this.#clients = undefined;
    for (const [clients, timer] of this.#retired) {
      clearTimeout(timer);
      await closeAll(clients);
    }
    this.#retired.clear();
    if (this.#options.clients === undefined) await opened?.then(closeAll, () => {});
  }

  /**
   * Replaces connections that do not answer. A connection that was dropped silently on the way accepts requests until
   * the kernel or a ping detects it, minutes later. Servers refuse more frequent pings.
   */
  #replace(clients: Clients): void {
    if (this.#closed || this.#options.clients !== undefined || this.#retired.has(clients)) return;
    this.#clients = undefined;
    const timer = setTimeout(() => {
      this.#retired.delete(clients);
      void closeAll(clients);
    }, RETIRE_MS);
    timer.unref();
    this.#retired.set(clients, timer);
  }
}

/** Closes the clients. A client that was never opened fails to close, which is ignored. */
async function closeAll({ publisher, subscriber, pulls }: Clients): Promise<void> {
  await Promise.allSettled([publisher.close(), subscriber.close(), pulls.close()]);
}

async function open(options: ConnectionOptions, replace: (clients: Clients) => void): Promise<Clients> {
  const { clients, projectId } = options;
  if (clients !== undefined) {
    const { publisher, subscriber } = clients;
    return {
      project: projectId as string,
      publisher,
      subscriber,
      pulls: subscriber,
      emulated: false,
      answer: (call) => call,
    };
  }
  const sdk = new PubSub(sdkConfig(options));
  const found = await sdk.getClientConfig();
  const config = {
    ...(found as object),
    // Without this option, the library asks Google's metadata server even if it talks to an emulator.
    ...(sdk.isEmulator ? { clientOptions: { universeDomain: "googleapis.com" } } : {}),
  };
  // Own connections, not those of the clients that are replaced.
  const apart = { "grpc.use_local_subchannel_pool": 1 };
  const opened: Clients = {
    project: sdk.projectId,
    emulated: sdk.isEmulator,
    publisher: new v1.PublisherClient({ ...config, ...apart }),
    subscriber: new v1.SubscriberClient({ ...config, ...apart }),
    pulls: new v1.SubscriberClient({ ...config, ...apart }),
    async answer(call) {
      try {
        return await call;
      } catch (error) {
        if (codeOf(error) === CODE.deadlineExceeded) replace(opened);
        throw error;
      }
    },
  };
  try {
    // In the first call, a failure would be permanent for the client, and an unhandled rejection as well.
    await Promise.all([
      opened.publisher.initialize(),
      opened.subscriber.initialize(),
      opened.pulls.initialize(),
    ]);
  } catch (error) {
    void closeAll(opened);
    throw error;
  }
  return opened;
}

function sdkConfig(options: ConnectionOptions): ClientConfig {
  const { projectId, emulatorHost, apiEndpoint, credentials, keyFilename } = options;
  const endpoint = emulatorHost ?? apiEndpoint;
  return {
    ...CHANNEL,
    ...(projectId === undefined ? {} : { projectId }),
    ...(endpoint === undefined ? {} : { apiEndpoint: endpoint }),
    ...(emulatorHost === undefined ? {} : { emulatorMode: true }),
    ...(credentials === undefined ? {} : { credentials: { ...credentials } }),
    ...(keyFilename === undefined ? {} : { keyFilename }),
  };
}
