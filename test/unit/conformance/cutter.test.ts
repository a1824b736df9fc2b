import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Cutter, startCutter } from "../../../src/conformance/index.ts";

let received: string;
let cutter: Cutter;
let cleanUp: AsyncDisposableStack;

// The server notes every byte, and echoes it.
beforeEach(async () => {
  received = "";
  cleanUp = new AsyncDisposableStack();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (data) => (received += data.toString()));
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUp.defer(() => void server.close());
  cutter = await startCutter({ port: (server.address() as AddressInfo).port });
  cleanUp.defer(() => cutter.close());
});

afterEach(() => cleanUp.disposeAsync());

async function client(): Promise<Socket> {
  const socket = connect(cutter.port, "127.0.0.1");
  cleanUp.defer(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function answer(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = (await once(socket, "data")) as [Buffer];
  return data.toString();
}

test("requests and answers pass until the connection is cut, which is an error; the next connection works", async () => {
  const socket = await client();
  expect(await answer(socket, "one")).toBe("one");
  const ended = once(socket, "error");
  cutter.cut();
  expect(await ended).toMatchObject([{ code: "ECONNRESET" }]);
  expect(await answer(await client(), "two")).toBe("two");
});

test("while it is muted, requests arrive, answers are lost, and no connection ends; a cut ends that", async () => {
  const socket = await client();
  expect(await answer(socket, "one")).toBe("one");
  cutter.mute();
  let answers = "";
  socket.on("data", (data) => (answers += data.toString()));
  socket.write("lost");
  const later = await client();
  later.on("error", () => {});
  later.write("!");
  while (received.length < "onelost!".length) await new Promise((resolve) => setTimeout(resolve, 5));
  // The echo of the server has left it by now, since it is written together with the note.
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect([answers, socket.destroyed]).toEqual(["", false]);
  const ended = once(socket, "error");
  cutter.cut();
  await ended;
  expect(await answer(await client(), "two")).toBe("two");
});

test("a connection ends when the server ends it, and close is idempotent", async () => {
  const socket = await client();
  const ended = once(socket, "close");
  socket.end("bye");
  await ended;
  expect(socket.errored).toBeNull();
  await cutter.close();
  await cutter.close();
});
