import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { DriverError } from "../../src/driver/index.ts";
import type { CallOptions } from "./request.ts";
import { requestHandler } from "./transport.ts";

type Logger = NonNullable<SQSClientConfig["logger"]>;

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
  /** Whether any request of theirs has been answered: there are credentials then, though not in every moment. */
  worked: boolean;
  /** @throws DriverError `permanent` where the client would send again by itself, and nobody would know */
  assertSendsOnce(): Promise<void>;
  close(): void;
}

const REQUEST_TIMEOUT_MS = 10_000;
/**
 * Without `info` and `error`, the SDK does not prepare every request and answer for a log that nobody reads. The others
 * are called by what finds credentials.
 */
const QUIET = { trace() {}, debug() {}, warn() {} } as unknown as Logger;
/** The longest that SQS waits for messages. */
const LONGEST_WAIT_MS = 20_000;

/** `byUrl`: whether there are queues that are known by their URL, and nothing else says where they are. */
export function openClients(options: ConnectionOptions, byUrl: boolean): Clients {
  const { client, pollClient = client, requestTimeoutMs = REQUEST_TIMEOUT_MS } = options;
  const work = client ?? new OwnClient(clientConfig(options, byUrl, requestTimeoutMs));
  const polls = pollClient ?? new OwnClient(clientConfig(options, byUrl, requestTimeoutMs + LONGEST_WAIT_MS));
  let sendsOnce: Promise<void> | undefined;
  return {
    work,
    polls,
    requestTimeoutMs,
    worked: false,
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

/**
 * With options of its own, a call has its middleware put together anew, a tenth of the work of a request. So none are
 * passed on: whoever gives a request up waits for it no longer, and the transport sees to its end.
 */
class OwnClient extends SQSClient {
  override send(command: any, options?: any): any {
    const answer: Promise<unknown> = super.send(command);
    const { abortSignal } = (options ?? {}) as Partial<CallOptions>;
    return abortSignal === undefined ? answer : unlessAborted(answer, abortSignal);
  }
}

function unlessAborted<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

function clientConfig(
  { region, endpoint, credentials }: ConnectionOptions,
  byUrl: boolean,
  timeoutMs: number,
): SQSClientConfig {
  return {
    // A retry by the SDK after a lost answer sends twice in silence; the core retries, and knows it.
    maxAttempts: 1,
    // TLS guards the bytes; one wrong digest would throw away a whole batch that is already in flight.
    md5: false,
    // The host in an answer's queue URL would win over the endpoint that the environment names.
    useQueueUrlAsEndpoint: byUrl,
    requestHandler: requestHandler(timeoutMs),
    // Put together once for each action, not for each request.
    cacheMiddleware: true,
    logger: QUIET,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
