import {
  type ClientHttp2Stream,
  constants,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";

/** Forwards one call in both directions, as a stream, with the trailers that hold the status of gRPC. */
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

/** Forwards one call and withholds the answer. Resolves when the server has sent the whole answer. */
export function withholdAnswer(client: ServerHttp2Stream, server: ClientHttp2Stream): Promise<void> {
  client.pipe(server);
  server.resume();
  shareEnd(client, server);
  return new Promise((resolve) => {
    server.on("end", resolve);
    server.on("close", resolve);
  });
}

/** Forwards a reset of one side to the other, with the same code. */
function shareEnd(client: ServerHttp2Stream, server: ClientHttp2Stream): void {
  server.on("error", () => {});
  server.on("close", () => {
    if (server.rstCode !== constants.NGHTTP2_NO_ERROR && !client.destroyed) client.close(server.rstCode);
  });
  client.on("close", () => {
    if (!server.destroyed) server.close(client.rstCode);
  });
}
