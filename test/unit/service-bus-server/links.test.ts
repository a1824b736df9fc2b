import rhea from "rhea";
import { afterAll, beforeEach, expect, test } from "vitest";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import {
  amqp,
  AMQP_HEADER,
  CODE,
  composite,
  described,
  encode,
  frame,
  frames,
  RawClient,
  type Received,
} from "../../support/raw-amqp.ts";
import { clientOf } from "./fixture.ts";

const server = await startServiceBusServer();
const sdk = clientOf(server);
afterAll(async () => {
  await sdk.close();
  await server.stop();
});

let queue = "";
let made = 0;
beforeEach(() => {
  queue = `links-${(made += 1)}`;
  server.createQueue(queue);
});

const message = (value: unknown): Buffer => described(0x77, encode(amqp.wrap(value)));
const bodyOf = ({ payload }: Received): unknown => rhea.message.decode(payload)["body"] as unknown;
const send = (bodies: readonly unknown[], to = queue): Promise<void> =>
  sdk.createSender(to).sendMessages(bodies.map((body) => ({ body })));

test("messages come after the answer to their attach, where a client gives credit together with it", async () => {
  await send(["a"]);
  const signedIn = await RawClient.signedIn(server);
  signedIn.write(frames.receives(2, queue), frames.credit(2, 1));
  expect(await untilMessage(signedIn)).toEqual([`from ${queue}`, "message"]);
  signedIn.close();
  // Opened, signed in and attached in one write.
  await send(["b"]);
  const hasty = await RawClient.connect(server);
  hasty.write(
    AMQP_HEADER,
    frames.open(),
    frames.begin(),
    frames.sends(0, "$cbs"),
    frames.token(0, 0),
    frames.receives(1, queue),
    frames.credit(1, 1),
  );
  expect(await untilMessage(hasty)).toEqual(["to $cbs", `from ${queue}`, "message"]);
  hasty.close();
});

test("a channel that a client uses again without an end gets a new session, and the links of the former one end", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.receives(2, queue, "former"), frames.credit(2, 1));
  await client.next(CODE.attach);
  client.write(frames.begin(), frames.receives(2, queue, "next"));
  expect((await client.next(CODE.begin)).fields[0]).toBe(0);
  expect((await client.next(CODE.attach)).fields[0]).toBe("next");
  await send(["for the new session"]);
  client.write(frames.credit(2, 1));
  const { content } = bodyOf(await client.next(CODE.transfer)) as { readonly content: Buffer };
  expect(content.toString()).toBe('"for the new session"');
  expect(client.isClosed).toBe(false);
  client.close();
});

/** The names of the links that the server attaches, up to its first message. */
async function untilMessage(client: RawClient): Promise<unknown[]> {
  while (!client.received.some(({ code }) => code === CODE.transfer)) await new Promise(setImmediate);
  return client.received
    .filter(({ code }) => code === CODE.attach || code === CODE.transfer)
    .map(({ code, fields }) => (code === CODE.attach ? fields[0] : "message"));
}

test("a session with messages is delivered to a client that gives credit together with its attach", async () => {
  server.createQueue({ name: "sessions", requiresSession: true });
  const client = await RawClient.signedIn(server);
  client.write(
    frames.receives(2, "sessions", "next", { "com.microsoft:session-filter": null }),
    frames.credit(2, 1),
  );
  await sdk.createSender("sessions").sendMessages({ body: "a", sessionId: "s" });
  expect((await client.next(CODE.attach)).fields[0]).toBe("next");
  expect((await client.next(CODE.transfer)).fields[0]).toBeTypeOf("number");
  client.close();
});

test("a client may wait for a session for as long as it likes", async () => {
  server.createQueue({ name: "patient", requiresSession: true });
  const client = await RawClient.signedIn(server);
  const filter = amqp.wrap_symbolic_map({ "com.microsoft:session-filter": null });
  const source = composite(0x28, ["patient", null, null, null, null, null, null, filter]);
  const properties = amqp.wrap_symbolic_map({ "com.microsoft:timeout": amqp.wrap_uint(4_294_967_295) });
  client.write(
    frame(CODE.attach, [
      "patient",
      amqp.wrap_uint(2),
      true,
      null,
      null,
      source,
      composite(0x29, ["me"]),
      ...Array<null>(6).fill(null),
      properties,
    ]),
    frames.credit(2, 1),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(client.received).toEqual([]);
  await sdk.createSender("patient").sendMessages({ body: "a", sessionId: "s" });
  expect((await client.next(CODE.transfer)).fields[0]).toBeTypeOf("number");
  client.close();
});

test("a sender and a receiver of one name on one session do not disturb each other", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, queue, "same"), frames.receives(3, queue, "same"), frames.credit(3, 1));
  client.write(frames.transfer(2, 1, message("a")));
  expect(bodyOf(await client.next(CODE.transfer))).toBe("a");
  client.write(frames.detach(2), frames.sends(4, queue, "same"), frames.credit(3, 2));
  client.write(frames.transfer(4, 2, message("b")));
  expect(bodyOf(await client.next(CODE.transfer))).toBe("b");
  client.close();
});

test("names of links may be those of an object's own parts", async () => {
  const client = await RawClient.signedIn(server);
  for (const [index, name] of ["__proto__", "constructor", "toString"].entries()) {
    client.write(frames.sends(2 + index, queue, name));
    expect((await client.next(CODE.attach)).fields[0]).toBe(name);
  }
  client.close();
});

test("a link that is attached a second time ends the first one, and messages arrive once", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, queue, "same"), frames.sends(3, queue, "same"));
  expect((await client.next(CODE.detach)).fields[2]).toMatchObject({ condition: "amqp:link:stolen" });
  client.write(frames.transfer(3, 1, message("a")));
  await client.next(CODE.disposition);
  expect(server.stats.messagesIn).toBeGreaterThan(0);
  expect(await sdk.createReceiver(queue).peekMessages(10)).toHaveLength(1);
  client.close();
});

test("a name and a handle can be used again as soon as their link is detached", async () => {
  const client = await RawClient.signedIn(server);
  for (let round = 0; round < 3; round += 1)
    client.write(
      frames.sends(2, queue, "same"),
      frames.transfer(2, 1 + round, message(round)),
      frames.detach(2),
    );
  client.write(frames.sends(2, queue, "same"), frames.transfer(2, 4, message(3)));
  let last: unknown;
  while (last !== 4) last = (await client.next(CODE.disposition)).fields[2];
  const peeked = await sdk.createReceiver(queue).peekMessages(10);
  expect(peeked.map(({ body }) => body as unknown)).toEqual([0, 1, 2, 3]);
  client.close();
});

test("a flow that asks for an answer gets the state of its link", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.receives(2, queue), frames.credit(2, 7, [null, null, true]));
  const [, , , , handle, , credit] = (await client.next(CODE.flow)).fields;
  expect(handle).toBeTypeOf("number");
  expect(credit).toBe(7);
  client.close();
});

test("a client that says of its own link that it is drained keeps the credit that it has", async () => {
  const client = await RawClient.signedIn(server);
  client.write(frames.sends(2, queue), frames.credit(2, 0, [null, true]));
  client.write(frames.transfer(2, 1, message("a")));
  expect(JSON.stringify((await client.next(CODE.disposition)).fields[4])).not.toContain("amqp:");
  client.close();
});

test("a link to the coordinator of transactions is refused, and the connection stays", async () => {
  const client = await RawClient.signedIn(server);
  const coordinator = composite(0x30, []);
  client.write(
    frame(CODE.attach, ["tx", amqp.wrap_uint(2), false, null, null, composite(0x28, []), coordinator]),
  );
  expect((await client.next(CODE.detach)).fields[2]).toMatchObject({ condition: "amqp:not-implemented" });
  client.write(frames.sends(3, queue));
  expect((await client.next(CODE.attach)).fields[0]).toBe(`to ${queue}`);
  client.close();
});

test("a sender that starts to count at another number gets credit from there", async () => {
  const client = await RawClient.signedIn(server);
  const rest = [null, null, amqp.wrap_uint(70)];
  client.write(
    frame(CODE.attach, [
      "counted",
      amqp.wrap_uint(2),
      false,
      null,
      null,
      composite(0x28, ["me"]),
      composite(0x29, [queue]),
      ...rest,
    ]),
  );
  await client.next(CODE.attach);
  const [, , , , , deliveryCount, credit] = (await client.next(CODE.flow)).fields;
  expect([deliveryCount, credit]).toEqual([70, 1_000]);
  client.close();
});

test("messages of a session that its client has ended go to other links", async () => {
  server.createQueue({ name: "ended", requiresSession: true });
  await sdk.createSender("ended").sendMessages({ body: "a", sessionId: "s" });
  const client = await RawClient.signedIn(server);
  client.write(frames.receives(2, "ended", "r", { "com.microsoft:session-filter": "s" }));
  await client.next(CODE.attach);
  client.write(frame(CODE.end, []));
  await client.next(CODE.end);
  const receiver = await sdk.acceptSession("ended", "s");
  expect(await receiver.receiveMessages(1)).toHaveLength(1);
  client.close();
});

test("a client with more credit than a session can hold gets as many messages as there are", async () => {
  const count = 66_000;
  const sender = sdk.createSender(queue);
  for (let sent = 0; sent < count; sent += 3_000)
    await sender.sendMessages(Array.from({ length: 3_000 }, () => ({ body: Buffer.alloc(1) })));
  const client = await RawClient.signedIn(server);
  client.write(frames.receives(2, queue));
  client.write(
    frame(
      CODE.flow,
      [0, 4_000_000, 0, 4_000_000, 2, 0, 100_000].map((value) => amqp.wrap_uint(value)),
    ),
  );
  let first: number | undefined;
  let last = 0;
  for (let taken = 0; taken < count; taken += 1) {
    const id = (await client.next(CODE.transfer)).fields[1] as number;
    first ??= id;
    // The client settles when nothing more can come without it.
    if (taken === 65_000) client.write(frames.disposition(first, id, composite(0x24, [])));
    last = id;
  }
  expect(last - (first ?? 0)).toBe(count - 1);
  client.close();
});

test("replies wait for credit, and a client that takes none is refused in the end", async () => {
  const client = await RawClient.connect(server);
  client.write(
    AMQP_HEADER,
    frames.open(),
    frames.begin(),
    frames.sends(0, "$cbs"),
    frames.receives(1, "$cbs", "replies"),
  );
  for (let id = 0; id < 101; id += 1) client.write(frames.token(0, id));
  const states: unknown[] = [];
  while (states.length === 0 || (client.received.length > 0 && states.length < 101)) {
    const { fields } = await client.next(CODE.disposition);
    states.push(fields[4]);
    if (fields[2] === 100) break;
  }
  expect(JSON.stringify(states.at(-1))).toContain("amqp:resource-limit-exceeded");
  client.write(frames.credit(1, 200));
  for (let replies = 0; replies < 100; replies += 1) await client.next(CODE.transfer);
  client.close();
});
