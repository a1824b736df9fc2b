import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";

/** Which service to talk to, and as whom; what is left out is found as the AWS SDK finds it. */
export interface ConnectionOptions {
  readonly region?: string | undefined;
  /** For local servers, and for VPC endpoints. */
  readonly endpoint?: string | undefined;
  readonly credentials?: SQSClientConfig["credentials"] | undefined;
  /** Used for everything, and left open by `close`. It must not retry sends (`maxAttempts: 1`), or outcomes blur. */
  readonly client?: SQSClient | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly work: SQSClient;
  /** Long polls have sockets of their own: acknowledgements and extensions never wait behind them. */
  readonly polls: SQSClient;
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** A long poll takes up to 20 s; one that is silent for longer has been swallowed on the way. */
const POLL_TIMEOUT_MS = 30_000;

export function openClients(options: ConnectionOptions): Clients {
  const { client } = options;
  if (client !== undefined) return { work: client, polls: client, close() {} };
  const work = new SQSClient(clientConfig(options, REQUEST_TIMEOUT_MS));
  const polls = new SQSClient(clientConfig(options, POLL_TIMEOUT_MS));
  return {
    work,
    polls,
    close() {
      work.destroy();
      polls.destroy();
    },
  };
}

function clientConfig(
  { region, endpoint, credentials }: ConnectionOptions,
  requestTimeout: number,
): SQSClientConfig {
  return {
    // A retry by the SDK after a lost answer sends twice in silence; the core retries, and knows it.
    maxAttempts: 1,
    // TLS guards the bytes; one wrong digest would throw away a whole batch that is already in flight.
    md5: false,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout,
      // Without this, the timeout only prints a warning.
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 256 },
      httpsAgent: { keepAlive: true, maxSockets: 256 },
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
