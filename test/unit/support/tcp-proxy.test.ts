import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { lastingPort } from "../../support/port.ts";
import { TcpProxy } from "../../support/proxy/tcp-proxy.ts";

let clock: FakeClock;
let proxy: TcpProxy;
let cleanUp: AsyncDisposableStack;

// The server echoes every byte.
beforeEach(async () => {
  cleanUp = new AsyncDisposableStack();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.defer(() => void server.close());
  clock = new FakeClock();
  proxy = cleanUp.use(await TcpProxy.start({ port: (server.address() as AddressInfo).port }, { clock }));
});

afterEach(() => cleanUp.disposeAsync());

async function client(): Promise<Socket> {
  const socket = connect({ port: proxy.port, host: proxy.host, allowHalfOpen: true });
  socket.on("error", () => {});
  cleanUp.defer(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function read(socket: Socket, bytes: number): Promise<string> {
  let text = "";
  while (text.length < bytes) {
    const chunk = (socket.read() ?? "") as Buffer | string;
    if (chunk.length === 0) await once(socket, "readable");
    else text += chunk.toString();
  }
  return text;
}

/** Resolves with the code of the error that closed the socket, or undefined if none did. */
function closed(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code: string | undefined;
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code;
    });
    socket.on("close", () => resolve(code));
  });
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  return read(socket, text.length);
}

it("the proxy passes on the bytes and the end of both sides", async () => {
  const socket = await client();
  expect(await ask(socket, "one")).toBe("one");

  const large = "x".repeat(3_000_000);
  expect(await ask(socket, large)).toBe(large);

  const ended = once(socket, "end");
  socket.end("bye");
  expect(await read(socket, 3)).toBe("bye");

  socket.resume();
  await ended;
});

it("the proxy cuts one connection or all of them, and new connections succeed", async () => {
  const [first, second, third] = [await client(), await client(), await client()];
  await Promise.all([first, second, third].map((socket) => ask(socket, "hello")));
  expect(proxy.connections).toBe(3);

  const cut = closed(second);
  expect(proxy.cutOne(1)).toBe(true);
  expect(await cut).toBe("ECONNRESET");
  expect(await ask(third, "still")).toBe("still");

  const rest = [first, third].map(closed);
  expect(proxy.cutAll()).toBe(2);
  expect(await Promise.all(rest)).toEqual(["ECONNRESET", "ECONNRESET"]);
  expect(proxy.cutOne()).toBe(false);
  expect(await ask(await client(), "again")).toBe("again");
  expect(proxy.accepted).toBe(4);
});

it("the proxy holds bytes while it stalls, and delivers them afterwards", async () => {
  const socket = await client();
  await ask(socket, "hello");
  const release = proxy.stall();
  const chunks: string[] = [];
  socket.on("data", (chunk) => chunks.push(chunk.toString()));
  socket.write("late");
  const other = await client();
  other.write("also late");
  const barrier = await barrierOf();
  expect(chunks).toEqual([]);

  release();
  await once(socket, "data");
  expect(chunks.join("")).toBe("late");
  expect(await read(other, 9)).toBe("also late");

  barrier.destroy();
});

/** Waits until the kernel and this process have carried bytes through a chain of sockets that nothing blocks. */
async function barrierOf(): Promise<Socket> {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.defer(() => void server.close());
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  for (let round = 0; round < 5; round += 1) await ask(socket, "round");
  return socket;
}

it("the proxy stalls for the given time", async () => {
  const socket = await client();
  await ask(socket, "hello");
  proxy.stall(5_000);
  socket.write("late");
  await barrierOf();
  await clock.advance(4_999);
  await barrierOf();
  expect(socket.readableLength).toBe(0);

  await clock.advance(1);
  expect(await read(socket, 4)).toBe("late");
});

it("the proxy can cut connections while it stalls", async () => {
  const socket = await client();
  await ask(socket, "hello");
  proxy.stall();
  socket.write("never");
  const cut = closed(socket);
  proxy.cutAll();

  expect(await cut).toBe("ECONNRESET");
});

it("the proxy passes on only the given number of bytes per second", async () => {
  const socket = await client();
  await ask(socket, "hello");
  proxy.throttle(1_000);
  const startedAt = clock.now();
  let received = 0;
  socket.on("data", (chunk) => {
    received += chunk.length;
  });

  socket.write("x".repeat(1_000));
  while (received < 1_000) {
    await barrierOf();
    if (received >= 1_000) break;
    await clock.advanceToNext();
    expect(received).toBeLessThanOrEqual(clock.now() - startedAt + 100);
  }

  expect(clock.now() - startedAt).toBeGreaterThanOrEqual(900);
  expect(clock.now() - startedAt).toBeLessThanOrEqual(1_300);
});

it("the proxy refuses new connections and keeps the open ones", async () => {
  const open = await client();
  await ask(open, "hello");
  const { port } = proxy;
  proxy.refuse();
  const refused = connect(port, proxy.host);
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
  expect(await ask(open, "still")).toBe("still");

  await proxy.accept();
  expect(proxy.port).toBe(port);
  expect(await ask(await client(), "again")).toBe("again");
});

it("the proxy resets a client if the server cannot be reached", async () => {
  await using nowhere = await TcpProxy.start({ port: await lastingPort() });
  const socket = connect(nowhere.port, nowhere.host);

  expect(await closed(socket)).toBe("ECONNRESET");
});
