import { afterAll, expect, test } from "vitest";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Message } from "../../../src/message/message.ts";
import { amqp, CODE, described, encode, frames, RawClient } from "../../support/raw-amqp.ts";

const server = await startServiceBusServer({ queues: ["jobs"] });
const queue = createQueue(serviceBus({ connectionString: server.connectionString }));
afterAll(async () => {
  await queue.close();
  await server.stop();
});

const PROPERTIES = 0x74;
const DATA = 0x75;
const SEQUENCE = 0x76;
const VALUE = 0x77;

const data = (text: string | Buffer): Buffer => described(DATA, encode(amqp.wrap_binary(Buffer.from(text))));
const value = (typed: object): Buffer => described(VALUE, encode(typed));
const wrap = (plain: unknown): object => amqp.wrap(plain);
const text = '{"a":"é🦊"}';
const bytes = Buffer.from(text);

/** Sends a message with a type attribute, and resolves with what a handler or the dead-letter queue gets. */
async function received(type: string, ...body: readonly Buffer[]): Promise<Message | string> {
  const properties = described(PROPERTIES, encode(amqp.wrap({ type })));
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, "jobs"));
  client.write(frames.message(2, 1, Buffer.concat([properties, ...body])));
  await client.next(CODE.disposition);
  client.close();
  const stop = new AbortController();
  let result: Message | string = "nothing";
  await queue.receive(
    "jobs",
    (message) => {
      result = message;
      stop.abort();
    },
    {
      signal: stop.signal,
      onEvent: (event) => {
        if (event.event !== "dead_lettered") return;
        result = String(event.error);
        stop.abort();
      },
    },
  );
  return result;
}

test.each<[string, unknown, readonly Buffer[]]>([
  ["a data section", { a: "é🦊" }, [data(bytes)]],
  [
    "two data sections, divided inside a character",
    { a: "é🦊" },
    [data(bytes.subarray(0, 7)), data(bytes.subarray(7))],
  ],
  [
    "five data sections, one of them empty",
    { a: "é🦊" },
    [0, 3, 6, 6, 9].map((from, index, all) => data(bytes.subarray(from, all[index + 1]))),
  ],
  ["an empty data section", null, [data("")]],
  ["a data section that begins with a byte order mark", { a: "é🦊" }, [data(`\uFEFF${text}`)]],
  ["a value of text", { a: "é🦊" }, [value(amqp.wrap_string(text))]],
  [
    "a value of text that begins with a byte order mark",
    { a: "é🦊" },
    [value(amqp.wrap_string(`\uFEFF${text}`))],
  ],
  ["a value of bytes", { a: "é🦊" }, [value(amqp.wrap_binary(bytes))]],
  ["an empty value of text", null, [value(amqp.wrap_string(""))]],
  ["the value null", null, [value(wrap(null))]],
  ["a value that is a map", { a: "é🦊", n: 5 }, [value(wrap({ a: "é🦊", n: 5 }))]],
  ["a value that is a list", [1, "b", null], [value(amqp.wrap_list([wrap(1), wrap("b"), wrap(null)]))]],
  ["a value that is a number", 7, [value(wrap(7))]],
  ["a value that is a boolean", true, [value(wrap(true))]],
  ["a sequence section", [1, "b"], [described(SEQUENCE, encode(amqp.wrap_list([wrap(1), wrap("b")])))]],
])("a body of %s is read as the same body is on every provider", async (_, payload, body) => {
  expect(await received("fox", ...body)).toMatchObject({ type: "fox", payload });
});
