import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { H2Proxy } from "../../support/proxy/h2-proxy.ts";

const ECHO = "/toy.Service/Echo";
const REFUSE = "/toy.Service/Refuse";

/** Texts that the server has handled, in order. */
let served: string[];
let onServed: () => void;
let proxy: H2Proxy;
let cleanUp: AsyncDisposableStack;

/** Echoes bytes as a gRPC server does on the wire, with the status in trailers. */
function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.on("error", () => {});
  if (headers[":path"] === REFUSE) {
    stream.respond({ ":status": 200, "grpc-status": "7", "grpc-message": "no" }, { endStream: true });
    return;
  }
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", note: "after" }));
  stream.on("data", (chunk: Buffer) => {
    served.push(chunk.toString());
    onServed();
    stream.write(chunk);
  });
  stream.on("end", () => stream.end());
}

beforeEach(async () => {
  cleanUp = new AsyncDisposableStack();
  served = [];
  onServed = () => {};
  const server = createServer();
  server.on("stream", serve);
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.defer(() => void server.close());
  proxy = cleanUp.use(await H2Proxy.start({ port: (server.address() as AddressInfo).port }));
});

afterEach(() => cleanUp.disposeAsync());

function client(): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${proxy.port}`);
  session.on("error", () => {});
  cleanUp.defer(() => session.destroy());
  return session;
}

interface Ended {
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders;
  readonly rstCode: number;
}

/** Makes one call, and resolves when its stream is closed, with or without an error. */
function call(session: ClientHttp2Session, text: string, path: string = ECHO): Promise<Ended> {
  const stream = session.request({ ":method": "POST", ":path": path, te: "trailers" });
  const ended = { text: "", headers: {}, trailers: {} };
  stream.on("error", () => {});
  stream.on("response", (headers) => Object.assign(ended.headers, headers));
  stream.on("trailers", (trailers) => Object.assign(ended.trailers, trailers));
  stream.on("data", (chunk: Buffer) => {
    ended.text += chunk.toString();
  });
  stream.end(text);
  return new Promise((resolve) => {
    stream.on("close", () => resolve({ ...ended, rstCode: stream.rstCode ?? 0 }));
  });
}

it("the proxy passes calls on with their trailers, and counts them by path", async () => {
  const session = client();
  const large = "x".repeat(300_000);
  const [one, two] = await Promise.all([call(session, "one"), call(session, large)]);

  expect(one).toMatchObject({ text: "one", trailers: { "grpc-status": "0", note: "after" }, rstCode: 0 });
  expect(two.text).toBe(large);
  expect(one.headers["content-type"]).toBe("application/grpc");
  expect(proxy.count("Echo")).toBe(2);
  expect(proxy.count(ECHO)).toBe(2);
});

it("the proxy passes on a response that has only trailers", async () => {
  const { headers, rstCode } = await call(client(), "?", REFUSE);

  expect(headers).toMatchObject({ "grpc-status": "7", "grpc-message": "no" });
  expect(rstCode).toBe(0);
});

it("the proxy streams in both directions during a call, and passes on its cancellation", async () => {
  const stream = client().request({ ":method": "POST", ":path": ECHO });
  stream.on("error", () => {});
  for (const text of ["first", "second"]) {
    stream.write(text);
    const [chunk] = (await once(stream, "data")) as [Buffer];
    expect(chunk.toString()).toBe(text);
  }

  expect(proxy.count(ECHO)).toBe(1);

  stream.close(constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => stream.on("close", resolve));
  expect(served).toEqual(["first", "second"]);
});

it("the proxy drops one response by a reset of its stream after the server handled it, and other calls go on", async () => {
  const session = client();
  const rule = proxy.on({ path: "Echo", nth: 2 }, { kind: "drop_response", by: "reset" });
  expect((await call(session, "one")).text).toBe("one");

  const lost = await call(session, "two");
  expect(lost).toMatchObject({ text: "", headers: {}, rstCode: constants.NGHTTP2_INTERNAL_ERROR });
  expect((await call(session, "three")).text).toBe("three");
  expect(served).toEqual(["one", "two", "three"]);
  expect(rule.hits).toBe(1);
});

it("the proxy drops one response by a cut of its connection, and keeps other connections", async () => {
  const [cut, other] = [client(), client()];
  expect((await call(other, "before")).text).toBe("before");

  const closed = new Promise((resolve) => cut.on("close", resolve));
  proxy.on({}, { kind: "drop_response", by: "cut" });
  expect((await call(cut, "one")).text).toBe("");

  await closed;
  expect(served).toEqual(["before", "one"]);
  expect((await call(other, "after")).text).toBe("after");
});

it("the proxy answers with a status without calling the server", async () => {
  proxy.on({ path: "Echo" }, { kind: "answer", grpcStatus: 8 });
  const { headers } = await call(client(), "one");

  expect(headers["grpc-status"]).toBe("8");
  expect(served).toEqual([]);
});

it("the proxy delays one call and swallows another while other calls go on", async () => {
  const session = client();
  const until = Promise.withResolvers<void>();
  const stall = proxy.on({}, { kind: "stall", until: until.promise });
  const late = call(session, "late");
  await stall.applied;
  const swallow = proxy.on({}, { kind: "black_hole" });
  const swallowed = call(session, "never");
  await swallow.applied;
  expect((await call(session, "in between")).text).toBe("in between");

  until.resolve();
  expect((await late).text).toBe("late");
  expect(served).toEqual(["in between", "late"]);

  session.destroy();
  expect((await swallowed).text).toBe("");
});

it("the proxy cuts every connection, and new connections succeed", async () => {
  const session = client();
  const stream = session.request({ ":method": "POST", ":path": ECHO });
  stream.on("error", () => {});
  stream.write("one");
  await once(stream, "data");
  const closed = new Promise((resolve) => session.on("close", resolve));
  expect(proxy.cutAll()).toBe(1);

  await closed;
  expect(stream.destroyed).toBe(true);
  expect((await call(client(), "again")).text).toBe("again");
});

it("the proxy closes the connection of a client if the server cannot be reached", async () => {
  await using nowhere = await H2Proxy.start({ port: 1 });
  const session = connect(`http://127.0.0.1:${nowhere.port}`);
  session.on("error", () => {});
  const closed = new Promise((resolve) => session.on("close", resolve));
  const { text } = await call(session, "one");
  await closed;

  expect(text).toBe("");
});
