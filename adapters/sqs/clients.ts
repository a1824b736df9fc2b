import { SQSClient, type SQSClientConfig } from "@aws-sdk/client-sqs";
import { DriverError, type Duration, durationOption, rejectOnAbort } from "../../src/driver/index.ts";
import { MAX_WAIT_SECONDS } from "./limits.ts";
import type { CallOptions } from "./request.ts";
import { requestHandler } from "./transport.ts";

type Logger = NonNullable<SQSClientConfig["logger"]>;

/** The address of the service and the credentials. The AWS SDK finds the settings that are left out. */
export interface ConnectionOptions {
  readonly region?: string | undefined;
  /** The URL of a local server or of a VPC endpoint. */
  readonly endpoint?: string | undefined;
  readonly credentials?: SQSClientConfig["credentials"] | undefined;
  /** The time limit of a request, in milliseconds. A poll may take this long after its wait. @default 10000 */
  readonly requestTimeoutMs?: Duration | undefined;
  /**
   * The URL of an HTTP proxy, such as `http://proxy:3128`; `false` for none. The default is the proxy that the variables
   * `HTTPS_PROXY` and `HTTP_PROXY` name, except for this machine and for the hosts of `NO_PROXY`.
   */
  readonly proxy?: string | false | undefined;
  /** A client to use instead of an own one. `close` leaves it open. It must be created with `maxAttempts: 1`. */
  readonly client?: SQSClient | undefined;
  /** A second client for long polls, so that they do not share sockets with other requests. @default client */
  readonly pollClient?: SQSClient | undefined;
}

/** The clients of one driver. */
export interface Clients {
  readonly work: SQSClient;
  /** The client for long polls. It has its own sockets, so that acknowledgements and extensions never wait for a poll. */
  readonly polls: SQSClient;
  readonly requestTimeoutMs: number;
  /** Whether any request was answered. A later failure of the credentials is then temporary. */
  worked: boolean;
  /** @throws DriverError `permanent` if the client would repeat a send on its own */
  assertSendsOnce(): Promise<void>;
  close(): void;
}

const REQUEST_TIMEOUT_MS = 10_000;
/**
 * A logger without `info` and `error`, so that the SDK does not format every request and answer. The other methods are
 * called by the SDK's credential providers.
 */
const QUIET = { trace() {}, debug() {}, warn() {} } as unknown as Logger;
const LONGEST_WAIT_MS = MAX_WAIT_SECONDS * 1_000;

/** @param byUrl whether some queues are configured by their URL, which then is the address of their requests */
export function openClients(options: ConnectionOptions, byUrl: boolean): Clients {
  const { client, pollClient = client } = options;
  const requestTimeoutMs =
    durationOption("sqs: requestTimeoutMs", options.requestTimeoutMs) ?? REQUEST_TIMEOUT_MS;
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
    `the injected client makes up to ${attempts} attempts on its own, and would store a message twice after a lost answer; create it with maxAttempts: 1, since queueport retries itself`,
  );
}

/**
 * A client that passes no options on. With options the SDK builds its middleware anew for each call, a tenth of the work
 * of a request. A caller that aborts only stops waiting; the transport's time limit ends the request.
 */
class OwnClient extends SQSClient {
  override send(command: any, options?: any): any {
    const answer: Promise<unknown> = super.send(command);
    const { abortSignal } = (options ?? {}) as Partial<CallOptions>;
    if (abortSignal === undefined) return answer;
    return rejectOnAbort(answer, abortSignal, () => abortSignal.reason);
  }
}

function clientConfig(
  { region, endpoint, credentials, proxy }: ConnectionOptions,
  byUrl: boolean,
  timeoutMs: number,
): SQSClientConfig {
  return {
    // After a lost answer, a retry of the SDK would send a message twice. The core retries instead.
    maxAttempts: 1,
    // TLS protects the bytes. One wrong digest would discard a whole batch that is already in flight.
    md5: false,
    // Otherwise the host of a queue URL in an answer would replace the endpoint that the environment sets.
    useQueueUrlAsEndpoint: byUrl,
    requestHandler: requestHandler(timeoutMs, proxy),
    // The middleware is built once for each action, not for each request.
    cacheMiddleware: true,
    logger: QUIET,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  };
}
