import { afterAll, expect, test } from "vitest";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { amqp, CODE, described, encode, frame, frames, nested, RawClient } from "../../support/raw-amqp.ts";
import { clientOf, take } from "./fixture.ts";

const server = await startServiceBusServer({ queues: ["q", "batches"] });
const sdk = clientOf(server);
afterAll(async () => {
  await sdk.close();
  await server.stop();
});

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const body = described(0x77, encode(amqp.wrap("whole")));
const section = (code: number, value: object): Buffer => described(code, encode(value));
const properties = (...fields: readonly unknown[]): Buffer =>
  section(0x73, amqp.wrap_list(fields.map((one) => amqp.wrap(one))));

/** The answers to messages that are sent one after the other, as text. */
async function answersTo(queue: string, payloads: readonly Buffer[], format = 0): Promise<string[]> {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, queue));
  const answers: string[] = [];
  for (const [index, payload] of payloads.entries()) {
    const fields = [2, index + 1].map((value) => amqp.wrap_uint(value));
    const tag = amqp.wrap_binary(Buffer.from([index]));
    client.write(frame(CODE.transfer, [...fields, tag, amqp.wrap_uint(format), false], payload));
    answers.push(JSON.stringify((await client.next(CODE.disposition)).fields[4]));
  }
  client.close();
  return answers;
}

const damaged: readonly (readonly [string, Buffer])[] = [
  ["nothing in it", Buffer.alloc(0)],
  ["a section that ends too early", body.subarray(0, -1)],
  ["bytes after its end", Buffer.concat([body, Buffer.from([1])])],
  ["a body of a type that does not exist", described(0x77, hex("3f"))],
  ["an array of 2^32 - 1 nulls", described(0x77, hex("f0 00000005 ffffffff 40"))],
  ["a list that declares more elements than it has", described(0x77, hex("d0 00000005 00000009 40"))],
  ["a list with a section behind its elements", described(0x77, hex("d0 0000000b 00000001 40 005378c10100"))],
  ["a map with a key without a value", described(0x77, hex("c1 03 01 a1 00"))],
  ["a section that does not exist", Buffer.concat([described(0x6f, hex("40")), body])],
  ["a value without a descriptor", hex("a1 01 61")],
  ["properties that are a map", Buffer.concat([described(0x73, hex("c1 01 00")), body])],
  ["properties after the body", Buffer.concat([body, properties("id")])],
  ["two bodies", Buffer.concat([body, body])],
  ["a time of expiry that is text", Buffer.concat([properties(...Array(8).fill(null), "soon"), body])],
  [
    "a message id that is a list",
    Buffer.concat([section(0x73, amqp.wrap_list([amqp.wrap_list([1])])), body]),
  ],
  [
    "application properties with numbers as names",
    Buffer.concat([described(0x74, hex("c1 05 02 52 01 52 01")), body]),
  ],
  ["annotations that are nested deep", Buffer.concat([described(0x72, annotation(nested(100))), body])],
  ["a priority that is text", Buffer.concat([section(0x70, amqp.wrap_list([null, "high"])), body])],
];

/** A map with one annotation. */
function annotation(value: Buffer): Buffer {
  const key = encode(amqp.wrap_symbol("x"));
  const head = Buffer.from([0xd1, 0, 0, 0, 0, 0, 0, 0, 2]);
  head.writeUInt32BE(4 + key.length + value.length, 1);
  return Buffer.concat([head, key, value]);
}

test.each(damaged)(
  "a message with %s is refused, and the message behind it arrives",
  async (_title, payload) => {
    const [refused, accepted] = await answersTo("q", [payload, body]);
    expect(refused).toContain("amqp:decode-error");
    expect(accepted).not.toContain("amqp:");
    const receiver = sdk.createReceiver("q", { receiveMode: "receiveAndDelete" });
    expect((await take(receiver, 1)).map((message) => message.body as unknown)).toEqual(["whole"]);
    await receiver.close();
  },
);

test("a batch with a damaged message is refused as a whole", async () => {
  const data = (bytes: Buffer): Buffer => section(0x75, amqp.wrap_binary(bytes));
  const format = 0x80013700;
  const [refused, accepted] = await answersTo(
    "batches",
    [Buffer.concat([data(body), data(body.subarray(1))]), Buffer.concat([data(body), data(body)])],
    format,
  );
  expect(refused).toContain("amqp:decode-error");
  expect(accepted).not.toContain("amqp:");
  expect(await sdk.createReceiver("batches").peekMessages(10)).toHaveLength(2);
});

test("a message whose sections have names in place of numbers is accepted", async () => {
  const named = (name: string): Buffer =>
    Buffer.concat([hex("00 a3"), Buffer.from([name.length]), Buffer.from(name), hex("a0 01 61")]);
  const [refused, accepted] = await answersTo("q", [named("amqp:data:bina"), named("amqp:data:binary")]);
  expect(refused).toContain("amqp:decode-error");
  expect(accepted).not.toContain("amqp:");
  const receiver = sdk.createReceiver("q", {
    receiveMode: "receiveAndDelete",
    skipParsingBodyAsJson: true,
  });
  expect((await take(receiver, 1)).map((message) => String(message.body))).toEqual(["a"]);
});
