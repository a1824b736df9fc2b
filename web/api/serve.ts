import type { AddressInfo } from "node:net";
import { checkKeys, describeError, QueueError } from "../../src/errors.ts";
import { type Duration, durationMs } from "../../src/lib/duration.ts";
import { show } from "../../src/lib/text.ts";

/** The options of {@link serveApi}. */
export interface ServeApiOptions {
  /** 0 chooses a free port. @default 8080 */
  readonly port?: number | undefined;
  /** The address to listen on. @default 127.0.0.1, which only this machine reaches */
  readonly host?: string | undefined;
  /**
   * Time after which a connection ends whose client does not read what it is sent. Such a client would keep its event stream,
   * and all that is written to it, for good.
   * @default 1 minute
   */
  readonly unreadTimeout?: Duration | undefined;
}

/** The members of Node's response that end a connection which is not read. */
interface Outgoing {
  setTimeout(ms: number, listener: (socket: UnreadSocket) => void): unknown;
}

interface UnreadSocket {
  readonly writableLength: number;
  destroy(): unknown;
}

/** A server that accepts connections. */
export interface ApiServer extends AsyncDisposable {
  /** The bound port. It differs from the requested port if that was 0. */
  readonly port: number;
  /** The address of the server, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Ends all connections, also those that stream events. Idempotent. */
  close(): Promise<void>;
}

/** Longest time of a timer of Node. */
const MAX_TIMEOUT_MS = 24 * 86_400_000;

/**
 * Serves a function of the Fetch standard on Node, such as `jobsApi` returns. Resolves when the port is bound.
 *
 * @throws QueueError `config` when the port cannot be bound, `invalid_options` when an option is wrong
 *
 * @example
 * await using server = await serveApi(jobsApi(jobs, { open: true }), { port: 8080 });
 * console.log(server.url);
 */
export async function serveApi(
  api: (request: Request) => Response | Promise<Response>,
  options: ServeApiOptions = {},
): Promise<ApiServer> {
  checkKeys("serveApi", options, { port: true, host: true, unreadTimeout: true });
  const { port = 8_080, host = "127.0.0.1", unreadTimeout = 60_000 } = options;
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new QueueError(
      "invalid_options",
      `serveApi: port is a whole number from 0 to 65535; got ${show(port)}.`,
    );
  const unreadMs = durationMs(unreadTimeout);
  if (!(unreadMs > 0 && unreadMs <= MAX_TIMEOUT_MS))
    throw new QueueError(
      "invalid_options",
      `serveApi: unreadTimeout is a duration, more than 0 and at most 24 days; got ${show(unreadTimeout)}.`,
    );
  const served = (
    request: Request,
    { outgoing }: { readonly outgoing: Outgoing },
  ): Response | Promise<Response> => {
    // The time runs from the last byte that was read or written. A stream that has nothing to write goes on.
    outgoing.setTimeout(unreadMs, (socket) => {
      if (socket.writableLength > 0) socket.destroy();
    });
    return api(request);
  };
  // Loaded here, since servers other than Node's do without it.
  const { serve } = await import("@hono/node-server");
  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: served as typeof api, hostname: host, port, overrideGlobalObjects: false },
      ({ port: bound }: AddressInfo) => {
        server.off("error", refused);
        let closed: Promise<void> | undefined;
        const close = (): Promise<void> =>
          (closed ??= new Promise((ended) => {
            server.close(() => ended());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }));
        const name = host.includes(":") ? `[${host}]` : host;
        resolve({ port: bound, url: `http://${name}:${bound}`, close, [Symbol.asyncDispose]: close });
      },
    );
    const refused = (error: NodeJS.ErrnoException): void => {
      const why = error.code === "EADDRINUSE" ? "the port is in use" : describeError(error);
      reject(
        new QueueError(
          "config",
          `Could not listen on ${host}:${port}: ${why}. Choose another port or host.`,
          {
            cause: error,
          },
        ),
      );
    };
    server.once("error", refused);
  });
}
