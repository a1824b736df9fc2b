import { once } from "node:events";
import rhea, { type Connection, type EventContext, type Receiver } from "rhea";
import { afterAll, expect, test } from "vitest";
import { classify, receivingError } from "../../../adapters/service-bus/errors.ts";
import { serviceBus } from "../../../adapters/service-bus/index.ts";
import { deliverUndecodable, type RheaLink } from "../../../adapters/service-bus/undecodable.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { PermanentError } from "../../../src/errors.ts";
import { amqp, CODE, described, encode, frames, nested, RawClient } from "../../support/raw-amqp.ts";

/** Deeper than rhea can decode. */
const TOO_DEEP = 15_000;
/** Such that rhea can decode it, and JSON cannot express it. */
const DEEP = 5_000;

const server = await startServiceBusServer({
  queues: ["poisoned", "innocent", "raw", { name: "sessions", requiresSession: true }],
});
const queue = createQueue(serviceBus({ connectionString: server.connectionString }));
afterAll(async () => {
  await queue.close();
  await server.stop();
});

const deepValue = (depth: number): Buffer => described(0x77, nested(depth));
const properties = (session: string): Buffer =>
  described(
    0x73,
    encode(amqp.wrap_list([null, null, null, null, null, null, null, null, null, null, session])),
  );

/** Sends messages to a queue as they are. Resolves when they are accepted. */
async function sendRaw(to: string, ...messages: readonly Buffer[]): Promise<void> {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, to));
  for (const [index, message] of messages.entries()) client.write(frames.message(2, index + 1, message));
  for (let last: unknown; last !== messages.length;) {
    const [, , id, , state] = (await client.next(CODE.disposition)).fields;
    expect(JSON.stringify(state)).not.toContain("amqp:");
    last = id;
  }
  client.close();
}

/** Receives until a condition holds. Returns the events. */
async function receiveUntil(
  name: string,
  types: string[],
  isDone: () => Promise<boolean>,
): Promise<string[]> {
  const stop = new AbortController();
  const events: string[] = [];
  const receiving = queue.receive(name, ({ type }) => void types.push(type), {
    signal: stop.signal,
    onEvent: ({ event }) => void events.push(event),
  });
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 20));
  stop.abort();
  await receiving;
  return events;
}

test("a message that the SDK cannot decode becomes a dead letter, and disturbs no other message and no other queue", async () => {
  await queue.send("poisoned", { type: "fails", payload: 1 });
  const stop = new AbortController();
  await queue.receive(
    "poisoned",
    () => {
      stop.abort();
      throw new PermanentError("no");
    },
    { signal: stop.signal },
  );
  const { connections } = server.stats;
  const innocent: string[] = [];
  const others = receiveUntil("innocent", innocent, async () => innocent.length === 1);
  await sendRaw("poisoned", deepValue(TOO_DEEP), deepValue(DEEP));
  await queue.send("poisoned", { type: "good", payload: 1 });
  const types: string[] = [];
  const events = await receiveUntil(
    "poisoned",
    types,
    async () => types.length === 1 && (await queue.stats("poisoned")).failed === 3,
  );
  await queue.send("innocent", { type: "good", payload: 1 });
  expect(events).not.toContain("poll_failed");
  expect(await others).not.toContain("poll_failed");
  // The one connection of sendRaw.
  expect(server.stats.connections).toBe(connections + 1);
  const letters = await queue.deadLetters("poisoned").list();
  expect(letters.map(({ info }) => info.reason)).toEqual(["permanent_error", "malformed", "malformed"]);
});

test("a message of a session that the SDK cannot decode becomes a dead letter, and the next one is handled", async () => {
  const name = "sessions";
  await sendRaw(name, Buffer.concat([properties("s"), deepValue(TOO_DEEP)]));
  await queue.send(name, { type: "good", payload: 1, orderingKey: "s" });
  const types: string[] = [];
  const events = await receiveUntil(name, types, async () => types.length === 1);
  expect(events).not.toContain("poll_failed");
  expect((await queue.deadLetters(name).list()).map(({ info }) => info.reason)).toEqual(["malformed"]);
});

/** Receives a message with rhea alone, on a link that delivers what cannot be decoded. */
async function receiveRaw(): Promise<Readonly<Record<string, unknown>>> {
  const container = rhea.create_container();
  const connection: Connection = container.connect({
    host: server.host,
    port: server.port,
    max_frame_size: 1_024,
    reconnect: false,
  });
  const replies = connection.open_receiver({ source: "$cbs", target: "replies" });
  const tokens = connection.open_sender("$cbs");
  await once(tokens, "sendable");
  tokens.send({
    reply_to: "replies",
    application_properties: { operation: "put-token", type: "jwt", name: "sb://x/" },
    body: "x.e30.x",
  });
  await once(replies, "message");
  const receiver: Receiver = connection.open_receiver({ source: "raw", credit_window: 0 });
  await once(receiver, "receiver_open");
  deliverUndecodable(receiver as unknown as RheaLink);
  const arrived = once(receiver, "message") as Promise<EventContext[]>;
  receiver.add_credit(1);
  const [context] = await arrived;
  context?.delivery?.accept();
  const closed = once(connection, "connection_close");
  connection.close();
  await closed;
  return context?.message as unknown as Readonly<Record<string, unknown>>;
}

test("a message in several frames that cannot be decoded is delivered with its encoded body and its properties", async () => {
  const body = deepValue(TOO_DEEP);
  await sendRaw("raw", Buffer.concat([properties("s"), body]));
  const message = await receiveRaw();
  expect(message["group_id"]).toBe("s");
  expect((message["body"] as { readonly content: Buffer }).content.equals(body)).toBe(true);
});

test("an error that the SDK throws while it reads ends no receiver", () => {
  const overflow = new RangeError("Maximum call stack size exceeded");
  expect(classify(overflow)).toBe("permanent");
  for (const error of [overflow, new TypeError("Cannot read properties of null")])
    expect(receivingError(error, "Receiving").kind).toBe("transient");
  expect(receivingError({ code: "MessagingEntityDisabled", message: "off" }, "Receiving").kind).toBe(
    "permanent",
  );
});
