import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";

/** Passes one call on in both directions, as it streams; with the trailers, in which gRPC says how it ended. */
export function forwardCall(client: ServerHttp2Stream, server: ClientHttp2Stream): void {
  let trailers: IncomingHttpHeaders = {};
  client.pipe(server);
  server.on("trailers", (received) => {
    trailers = received;
  });
  server.on("response", (headers, flags) => {
    if (client.destroyed || client.headersSent) return;
    if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      client.respond(headers, { endStream: true });
      return;
    }
    client.on("wantTrailers", () => client.sendTrailers(trailers));
    client.respond(headers, { waitForTrailers: true });
    server.pipe(client);
  });
  shareEnd(client, server);
}

/** Passes one call on and withholds the answer. Resolves once the server has given all of it. */
export function withholdAnswer(client: ServerHttp2Stream, server: ClientHttp2Stream): Promise<void> {
  client.pipe(server);
  server.resume();
  shareEnd(client, server);
  return new Promise((resolve) => {
    server.on("end", resolve);
    server.on("close", resolve);
  });
}

/** A reset of one side is a reset of the other, with the same code. */
function shareEnd(client: ServerHttp2Stream, server: ClientHttp2Stream): void {
  server.on("error", () => {});
  server.on("close", () => {
    if (server.rstCode !== constants.NGHTTP2_NO_ERROR && !client.destroyed) client.close(server.rstCode);
  });
  client.on("close", () => {
    if (!server.destroyed) server.close(client.rstCode);
  });
}
