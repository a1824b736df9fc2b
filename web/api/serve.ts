import type { AddressInfo } from "node:net";
import { checkKeys, describeError, QueueError } from "../../src/errors.ts";
import { show } from "../../src/lib/text.ts";

/** The options of {@link serveApi}. */
export interface ServeApiOptions {
  /** 0 chooses a free port. @default 8080 */
  readonly port?: number | undefined;
  /** The address to listen on. @default 127.0.0.1, which only this machine reaches */
  readonly host?: string | undefined;
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
  api: (request: Request) => Promise<Response>,
  options: ServeApiOptions = {},
): Promise<ApiServer> {
  checkKeys("serveApi", options, { port: true, host: true });
  const { port = 8_080, host = "127.0.0.1" } = options;
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new QueueError(
      "invalid_options",
      `serveApi: port is a whole number from 0 to 65535; got ${show(port)}.`,
    );
  // Loaded here, since servers other than Node's do without it.
  const { serve } = await import("@hono/node-server");
  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: api, hostname: host, port, overrideGlobalObjects: false },
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
