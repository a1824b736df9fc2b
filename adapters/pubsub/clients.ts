import { type ClientConfig, PubSub, v1 } from "@google-cloud/pubsub";
import { DriverError, QueueError } from "../../src/driver/index.ts";
import { CODE, codeOf } from "./errors.ts";

/** Which service to talk to, and as whom; what is left out is found as Google's library finds it. */
export interface ConnectionOptions {
  readonly projectId?: string | undefined;
  /** `host:port` of an emulator: no encryption, no credentials. Needs `projectId`; any will do. */
  readonly emulatorHost?: string | undefined;
  /** A regional endpoint, such as `europe-west1-pubsub.googleapis.com`: ordering keys are ordered within a region. */
  readonly apiEndpoint?: string | undefined;
  readonly credentials?: { readonly client_email: string; readonly private_key: string } | undefined;
  /** A file of credentials. */
  readonly keyFilename?: string | undefined;
  /** Used for everything, and left open by `close`. Needs `projectId`. */
  readonly clients?:
    | { readonly publisher: v1.PublisherClient; readonly subscriber: v1.SubscriberClient }
    | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly project: string;
  readonly publisher: v1.PublisherClient;
  readonly subscriber: v1.SubscriberClient;
  /** Pulls wait on a connection of their own: acknowledgements and extensions never queue behind them. */
  readonly pulls: v1.SubscriberClient;
  readonly emulated: boolean;
  /** Waits for the answer to a call; where none comes in time, those who ask for clients next get fresh ones. */
  answer<T>(call: Promise<T>): Promise<T>;
}

/** How one call is made: a retry by the library after a lost answer publishes twice in silence. The core retries. */
export interface CallOptions {
  readonly retry: null;
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** Below the ten seconds after which the core gives a request up. */
export const REQUEST_TIMEOUT_MS = 9_000;

/** Not shared between calls: the library writes into it. */
export function once(timeoutMs: number = REQUEST_TIMEOUT_MS, signal?: AbortSignal): CallOptions {
  return signal === undefined
    ? { retry: null, timeout: timeoutMs }
    : { retry: null, timeout: timeoutMs, signal };
}

/** After an outage, a connection is tried again within seconds, not minutes. */
const CHANNEL = {
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
};
/** What was under way on a connection that is replaced has this long to end. */
const RETIRE_MS = 30_000;

/** Opens the clients when they are first needed, since the project may have to be looked up. */
export class Connections {
  readonly #options: ConnectionOptions;
  #clients: Promise<Clients> | undefined;
  readonly #retired = new Map<Clients, NodeJS.Timeout>();
  #closed = false;

  /** @throws QueueError `config` */
  constructor(options: ConnectionOptions) {
    const { projectId, emulatorHost, clients } = options;
    if (projectId === undefined && (emulatorHost !== undefined || clients !== undefined)) {
      throw new QueueError("config", "projectId is needed with an emulator, and with clients of your own.");
    }
    this.#options = options;
  }

  /** A failure is not kept: credentials may come later. */
  clients(): Promise<Clients> {
    // What is late must not open connections that nobody would close.
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
   * A connection that was dropped on the way without a word takes requests and answers none, until the kernel or a
   * ping notices, minutes later; and servers refuse pings that come more often. A fresh one is the remedy.
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

/** What never came to be open does not close either. */
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
    // Without it, the library asks Google's metadata server even where it talks to an emulator.
    ...(sdk.isEmulator ? { clientOptions: { universeDomain: "googleapis.com" } } : {}),
  };
  // Its own connections, which are not those that it replaces.
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
    // Left to the first call, a failure is the client's for good, and beside that a rejection that nobody handles.
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
