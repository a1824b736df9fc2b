import { once } from "node:events";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, expect, test } from "vitest";
import { handleTokenRequest } from "../../../servers/service-bus/amqp/cbs.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { noCounts } from "../../../servers/service-bus/stats.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import {
  amqp,
  AMQP_HEADER,
  CODE,
  described,
  encode,
  frame,
  frameOf,
  frames,
  nested,
  RawClient,
  SASL_HEADER,
} from "../../support/raw-amqp.ts";
import { clientOf, take } from "./fixture.ts";

/** Time that one hostile frame may take. It is long, because the test process may be suspended for a while. */
const PROMPT_MS = 2_000;

const clock = new FakeClock();
const server = await startServiceBusServer({ queues: ["q", "given-up"], clock, maxMessageBytes: 100_000 });
afterAll(() => server.stop());

/** Measures how long the server needs for a client that writes these bytes. Returns the condition of its answer. */
async function refusalOf(...bytes: readonly Buffer[]): Promise<string | undefined> {
  const client = await RawClient.connect(server);
  const startedAt = performance.now();
  client.write(...bytes);
  const condition = await client.closing();
  expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS);
  return condition;
}

/** Bytes in buffers that are in use. */
async function bytesInBuffers(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round += 1) {
    await new Promise(setImmediate);
    collect();
  }
  return process.memoryUsage().arrayBuffers;
}

const uint = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
/** An `open` whose properties are these bytes. */
const openWith = (properties: Buffer): Buffer => {
  const fields = Buffer.concat([
    encode(amqp.wrap_string("raw")),
    Buffer.from([0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40]),
    properties,
  ]);
  return frameOf(
    described(CODE.open, Buffer.concat([Buffer.from([0xd0]), uint(fields.length + 4), uint(10), fields])),
  );
};
test.each<[string, Buffer]>([
  ["an array of 2^32 - 1 nulls", openWith(Buffer.from("f000000005ffffffff40", "hex"))],
  ["a map of 2^31 pairs without bytes", openWith(Buffer.from("d100000004ffffffff", "hex"))],
  ["a list that is larger than its frame", openWith(Buffer.from("d0ffffffff00000001", "hex"))],
  ["values nested a thousand deep", openWith(nested(1_000))],
  ["a value of a type that does not exist", openWith(Buffer.from([0x3f]))],
  ["a map with a key without a value", openWith(Buffer.from("c10201a0", "hex"))],
  ["the content of a frame in front of the frame", Buffer.from("0000000801000000", "hex")],
  ["a frame of 1 GB", Buffer.from("4000000002000000", "hex")],
  ["a frame of 7 bytes", Buffer.from("0000000702000000", "hex")],
  ["a channel above the highest one", frame(CODE.begin, [null, 1, 1, 1], undefined, 40_000)],
  ["a performative that a client does not send", frame(0x7f, [])],
  ["a SASL frame after the header of AMQP", frame(CODE.saslInit, [amqp.wrap_symbol("ANONYMOUS")])],
  ["frames of less than 512 bytes", frames.open(["raw", null, amqp.wrap_uint(51)])],
  ["a sign of life every millisecond", frames.open(["raw", null, null, null, amqp.wrap_uint(1)])],
  [
    "two links with one handle",
    Buffer.concat([frames.open(), frames.begin(), frames.sends(3, "$cbs"), frames.sends(3, "$cbs", "b")]),
  ],
  [
    "a handle above the highest one",
    Buffer.concat([frames.open(), frames.begin(), frames.sends(4_096, "$cbs")]),
  ],
  ["a frame for a session that does not exist", Buffer.concat([frames.open(), frames.sends(0, "$cbs")])],
  [
    "a transfer without credit",
    Buffer.concat([
      frames.open(),
      frames.begin(),
      frames.sends(0, "q"),
      frames.transfer(0, 0, Buffer.alloc(1)),
    ]),
  ],
  [
    "the state of a transaction",
    Buffer.concat([
      frames.open(),
      frames.begin(),
      frames.disposition(0, 0, amqp.described(amqp.wrap_ulong(0x34), amqp.wrap_list([]))),
    ]),
  ],
])("a client that sends %s gets the reason, and its connection ends", async (_title, bytes) => {
  expect(await refusalOf(AMQP_HEADER, bytes)).toMatch(/^amqp:/);
});

test.each<[string, Buffer]>([
  ["a header of another protocol", Buffer.from("AMQP\0\0\x09\x01", "latin1")],
  ["a SASL header twice", Buffer.concat([SASL_HEADER, SASL_HEADER])],
  ["a frame in place of a SASL init", Buffer.concat([SASL_HEADER, frames.open()])],
])("a client that begins with %s is refused", async (_title, bytes) => {
  expect(await refusalOf(bytes)).toMatch(/^amqp:/);
});

test("a disposition over all 2^32 deliveries is applied at once to those that there are", async () => {
  const client = await RawClient.signedIn(server);
  const startedAt = performance.now();
  for (const isReceiver of [true, false])
    client.write(frames.disposition(0, 4_294_967_295, null, isReceiver));
  client.write(frames.sends(2, "q"));
  await client.next(CODE.attach);
  expect(performance.now() - startedAt).toBeLessThan(PROMPT_MS);
  client.close();
});

test("a message without an end is not kept beyond the size of a message, and it is refused at its end", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, "q"));
  await client.next(CODE.flow);
  const before = await bytesInBuffers();
  const piece = Buffer.alloc(50_000);
  for (let sent = 0; sent < 2_000; sent += 1) {
    client.write(frames.transfer(2, 1, piece, true));
    if (sent % 100 === 0) while (client.bytesToWrite > 0) await new Promise(setImmediate);
  }
  while (client.bytesToWrite > 0) await new Promise(setImmediate);
  expect((await bytesInBuffers()) - before).toBeLessThan(30_000_000);
  client.write(frames.transfer(2, 1, piece));
  const [, , , , state] = (await client.next(CODE.disposition)).fields;
  expect(JSON.stringify(state)).toContain("100050000 bytes");
  client.close();
});

test("a request of more bytes than a token may have is refused, and the next one is answered", async () => {
  const client = await RawClient.signedIn(server);
  const request = described(0x75, encode(amqp.wrap_binary(Buffer.alloc(70_000))));
  client.write(frames.message(0, 1, request));
  expect(JSON.stringify((await client.next(CODE.disposition)).fields[4])).toContain("size-exceeded");
  client.write(frames.token(0, 2));
  expect((await client.next(CODE.transfer)).payload.length).toBeGreaterThan(0);
  client.close();
});

test("a connection has up to 64 messages whose end has not come", async () => {
  const client = await RawClient.signedIn(server);
  for (let link = 0; link <= 64; link += 1) {
    client.write(frames.sends(2 + link, "q", `sender ${link}`));
    await client.next(CODE.flow);
    client.write(frames.transfer(2 + link, 1 + link, Buffer.alloc(10), true));
    // The first one is given up, and does not count.
    if (link === 0) client.write(frames.transfer(2, 1, Buffer.alloc(0), false, [null, null, null, true]));
  }
  client.write(frames.transfer(2, 66, Buffer.alloc(10), true));
  expect(await client.closing()).toBe("amqp:resource-limit-exceeded");
});

test("messages that are given up use their credit, and the client gets new credit for them", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, "given-up"));
  await client.next(CODE.flow);
  for (let id = 1; id <= 500; id += 1) {
    client.write(frames.transfer(2, id, Buffer.alloc(1), true));
    client.write(frames.transfer(2, id, Buffer.alloc(0), false, [null, null, null, true]));
  }
  client.write(frames.transfer(2, 501, described(0x77, encode(amqp.wrap("whole")))));
  const [, , , , , count, credit] = (await client.next(CODE.flow)).fields;
  expect([count, credit]).toEqual([501, 1_000]);
  client.close();
});

test("a client may wish for a sign of life every month", async () => {
  const client = await RawClient.connect(server);
  client.write(AMQP_HEADER, frames.open(["raw", null, null, null, amqp.wrap_uint(4_294_967_295)]));
  await client.next(CODE.open);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(client.received).toEqual([]);
  client.close();
});

test("a message that its sender gives up is dropped, and the next one arrives", async () => {
  const client = await RawClient.signedIn(server);
  client.write(
    frames.sends(2, "q"),
    frames.transfer(2, 1, Buffer.alloc(10), true),
    frames.transfer(2, 1, Buffer.alloc(0), false, [null, null, null, true]),
    frames.transfer(2, 2, described(0x77, encode(amqp.wrap("after")))),
  );
  expect((await client.next(CODE.disposition)).fields.slice(1, 3)).toEqual([2, 2]);
  const sdk = clientOf(server);
  const receiver = sdk.createReceiver("q", { receiveMode: "receiveAndDelete" });
  expect((await take(receiver, 1)).map(({ body }) => body as unknown)).toEqual(["after"]);
  await sdk.close();
  client.close();
});

test("a connection that is not opened within half a minute ends, and one that is open stays", async () => {
  const silent = await RawClient.connect(server);
  const half = await RawClient.connect(server);
  half.write(SASL_HEADER, Buffer.from([0, 0]));
  const open = await RawClient.connect(server);
  open.write(AMQP_HEADER, frames.open());
  await open.next(CODE.open);
  await clock.advance(30_000);
  await Promise.all([silent.closing(), half.closing()]);
  expect(open.isClosed).toBe(false);
  open.close();
});

test("frames arrive whole, however they are cut", async () => {
  const client = await RawClient.connect(server);
  const bytes = Buffer.concat([
    AMQP_HEADER,
    frames.open(),
    frames.begin(),
    frames.sends(0, "$cbs"),
    frames.receives(1, "$cbs", "replies"),
    frames.credit(1, 10),
    frames.token(0, 0),
  ]);
  for (const byte of bytes) {
    client.write(Buffer.from([byte]));
    await new Promise(setImmediate);
  }
  expect((await client.next(CODE.transfer)).payload.length).toBeGreaterThan(0);
  client.close();
});

test("the administration reads no body without a right to it, and no body of more than a megabyte", async () => {
  const token = "Authorization: SharedAccessSignature sr=http%3a%2f%2fx%2f&sig=x&se=4000000000&skn=local";
  expect(await answerTo(["Content-Length: 1000000000"])).toMatch(/^HTTP\/1.1 401/);
  expect(await answerTo([token, "Content-Length: 1000000000"])).toMatch(/^HTTP\/1.1 413/);
  const chunk = `186a0\r\n${"x".repeat(100_000)}\r\n`;
  expect(await answerTo([token, "Transfer-Encoding: chunked"], Array(20).fill(chunk))).toMatch(
    /^HTTP\/1.1 413/,
  );
});

test("an HTTP connection without a whole request ends after half a minute, and one that was answered stays", async () => {
  const token = "SharedAccessSignature sr=http%3a%2f%2fx%2f&sig=x&se=4000000000&skn=local";
  const [answered, partial] = [connect(server.port, "127.0.0.1"), connect(server.port, "127.0.0.1")];
  answered.write(`GET /q HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\n\r\n`);
  await once(answered, "data");
  partial.write("GET /q HTTP/1.1\r\nHost: x\r\n");
  await expect.poll(() => partial.bytesWritten).toBeGreaterThan(0);
  const ended = new Promise((resolve) => partial.once("close", resolve));
  partial.on("error", () => {});
  await clock.advance(30_000);
  await ended;
  answered.write(`GET /q HTTP/1.1\r\nHost: x\r\nAuthorization: ${token}\r\n\r\n`);
  expect(String(await once(answered, "data"))).toMatch(/^HTTP\/1.1 200/);
  answered.destroy();
});

test("a connection holds tokens for up to 10,000 audiences, each of a length that a queue can have", () => {
  const grants = new Map(
    Array.from({ length: 10_000 }, (_, index) => [`${index}`, { path: `${index}`, until: 0 }]),
  );
  const statusOf = (name: string): unknown =>
    handleTokenRequest(
      { application_properties: { operation: "put-token", type: "jwt", name }, body: "x.e30.x" },
      { grants } as never,
      { counts: noCounts(), keys: undefined } as never,
    ).properties["status-code"];
  expect([statusOf("sb://x/9"), statusOf("sb://x/new")]).toEqual([202, 401]);
  grants.clear();
  expect([statusOf("sb://x/new"), statusOf(`sb://x/${"a".repeat(1_000)}`)]).toEqual([202, 401]);
});

/** The answer to a request that creates a queue. The body is written as long as the server reads it. */
function answerTo(headers: readonly string[], body: readonly string[] = []): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(server.port, "127.0.0.1");
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString();
      socket.end();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
    socket.write(`${["PUT /new HTTP/1.1", "Host: x", ...headers].join("\r\n")}\r\n\r\n`);
    for (const part of body) socket.write(part);
  });
}
