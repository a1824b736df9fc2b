import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { DriverError } from "../../src/driver/index.ts";

/** Which service to talk to, and as whom; what is left out is found as the AWS SDK finds it. */
export interface ConnectionOptions {
  readonly region?: string | undefined;
  /** For local servers, and for VPC endpoints. */
  readonly endpoint?: string | undefined;
  readonly credentials?: SQSClientConfig["credentials"] | undefined;
  /** How long a request may take, in milliseconds; a poll may take this long beyond its wait. @default 10000 */
  readonly requestTimeoutMs?: number | undefined;
  /** Used instead of one of our own, and left open by `close`. It has to be made with `maxAttempts: 1`. */
  readonly client?: SQSClient | undefined;
  /** Beside `client`, for long polls: what they wait on is then no other's socket. @default client */
  readonly pollClient?: SQSClient | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly work: SQSClient;
  /** Long polls have sockets of their own: acknowledgements and extensions never wait behind them. */
  readonly polls: SQSClient;
  readonly requestTimeoutMs: number;
  /** @throws DriverError `permanent` where the client would send again by itself, and nobody would know */
  assertSendsOnce(): Promise<void>;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** `byUrl`: whether there are queues that are known by their URL, and nothing else says where they are. */
export function openClients(options: ConnectionOptions, byUrl: boolean): Clients {
  const { client, pollClient = client, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const work = client ?? new SQSClient(clientConfig(options, byUrl));
  const polls = pollClient ?? new SQSClient(clientConfig(options, byUrl));
  let sendsOnce: Promise<void> | undefined;
  return {
    work,
    polls,
    requestTimeoutMs,
    assertSendsOnce: () => (sendsOnce ??= assertSendsOnce(work)),
    close() {
      if (work !== client) work.destroy();
      if (polls !== pollClient) polls.destroy();
    },
  };
}

async function assertSendsOnce({ config }: SQSClient): Promise<void> {
  const attempts = await config.maxAttempts();
  if (attempts <= 1) return;
  throw new DriverError(
    "permanent",
    `the injected client makes up to ${attempts} attempts by itself, and after a lost answer would store a message twice without telling; make it with maxAttempts: 1, queueport tries again itself`,
  );
}

function clientConfig({ region, endpoint, credentials }: ConnectionOptions, byUrl: boolean): SQSClientConfig {
  return {
    // A retry by the SDK after a lost answer sends twice in silence; the core retries, and knows it.
    maxAttempts: 1,
    // TLS guards the bytes; one wrong digest would throw away a whole batch that is already in flight.
    md5: false,
    // The host in an answer's queue URL would win over the endpoint that the environment names.
    useQueueUrlAsEndpoint: byUrl,
    // How long a request may take as a whole is seen to in request.ts.
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      httpAgent: { keepAlive: true, maxSockets: 256 },
      httpsAgent: { keepAlive: true, maxSockets: 256 },
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
