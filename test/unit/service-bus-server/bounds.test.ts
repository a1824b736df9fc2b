import rhea from "rhea";
import { afterAll, expect, test } from "vitest";
import { assertGranted } from "../../../servers/service-bus/amqp/cbs.ts";
import { handleManagementRequest } from "../../../servers/service-bus/amqp/management.ts";
import { Consumers } from "../../../servers/service-bus/broker/consumers.ts";
import type { Entity } from "../../../servers/service-bus/broker/entity.ts";
import { Faults } from "../../../servers/service-bus/faults.ts";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { noCounts } from "../../../servers/service-bus/stats.ts";
import {
  amqp,
  CODE,
  composite,
  described,
  encode,
  frame,
  frames,
  RawClient,
} from "../../support/raw-amqp.ts";
import { consumer, newNamespace, sentMessage } from "./fixture.ts";

const server = await startServiceBusServer({ queues: ["q"] });
afterAll(() => server.stop());

/** A queue whose messages are locked for the tests by {@link lockNext}. */
function newQueue(name = "q", settings: object = {}): Entity {
  const namespace = newNamespace();
  namespace.create({ name, ...settings });
  return namespace.queue(name).entity;
}

/** Locks the next message of a queue. Returns the token of the lock. */
function lockNext(entity: Entity): string {
  let token = "";
  const taker = {
    ...consumer,
    deliver: ({ lock }: { lock: { token: string } | undefined }) => void (token = lock?.token ?? ""),
  };
  entity.consumers.attach(taker);
  entity.consumers.pump();
  entity.consumers.detach(taker);
  return token;
}

const answerOf = (entity: Entity, operation: string, body: object): unknown =>
  handleManagementRequest(entity, { application_properties: { operation }, body }, {
    faults: new Faults(
      () => 0,
      () => 0,
      () => {},
    ),
    counts: noCounts(),
    maxMessageBytes: 262_144,
  } as never)?.body;

const requestOf = (properties: object, body: object): Buffer =>
  rhea.message.encode({
    message_id: "request",
    reply_to: "answers",
    application_properties: properties,
    body,
  });

test("a receiver whose client has given no credit costs nothing until the client gives some", () => {
  let asked = 0;
  let credit = 0;
  const idle = {
    ...consumer,
    get isIdle() {
      asked += 1;
      return credit === 0;
    },
    get credit() {
      return credit;
    },
    deliver: () => void (credit -= 1),
  };
  let ready = true;
  const consumers = new Consumers({ isReady: () => ready, deliver: (message, to) => to.deliver(message) });
  consumers.attach(idle);
  consumers.add(sentMessage("m") as never);
  for (let round = 0; round < 100; round += 1) consumers.pump();
  expect(asked).toBe(1);
  credit = 1;
  consumers.offer(idle);
  ready = false;
  expect(credit).toBe(0);
});

test("an attach is checked without a walk over all tokens of its connection", () => {
  const grants = new Map([["a/b", { path: "a/b", until: Number.POSITIVE_INFINITY }]]);
  grants.values =
    grants.entries =
    grants[Symbol.iterator] =
      () => {
        throw new Error("all tokens were read");
      };
  for (const address of ["a/b", "A/B/$management", "a/b/$DeadLetterQueue"])
    expect(() => assertGranted({ grants } as never, address)).not.toThrow();
  for (const address of ["a", "a/bc", "", "x".repeat(100_000)])
    expect(() => assertGranted({ grants } as never, address)).toThrow("Unauthorized access");
});

test("a deferred message that a request names twice is locked and returned once", () => {
  const queue = newQueue();
  queue.enqueue([sentMessage("m")]);
  queue.settle(lockNext(queue), { kind: "defer", properties: {} });
  expect(queue.takeDeferred([1, 1, 1], false, 1_000)).toHaveLength(1);
});

test("deferred messages of more bytes than a reply may have are refused, and stay deferred", () => {
  const queue = newQueue();
  for (const id of ["a", "b"]) {
    queue.enqueue([{ ...sentMessage(id), bare: Buffer.alloc(600) }]);
    queue.settle(lockNext(queue), { kind: "defer", properties: {} });
  }
  expect(() => queue.takeDeferred([1, 2], false, 1_000)).toThrow("1200 bytes");
  expect(queue.takeDeferred([2], false, 500)).toHaveLength(1);
});

test("a peek for all messages of a large queue returns as many as a reply holds, from the first one on", () => {
  const queue = newQueue();
  const bare = described(0x75, encode(amqp.wrap_binary(Buffer.alloc(1_000_000))));
  queue.enqueue(Array.from({ length: 20 }, (_, index) => ({ ...sentMessage(`${index}`), bare })));
  const reply = answerOf(queue, "com.microsoft:peek-message", {
    "from-sequence-number": 1,
    "message-count": 1_000_000,
  }) as { messages: unknown[] };
  expect(reply.messages).toHaveLength(9);
});

test("a session that holds nothing is forgotten when its receiver leaves", () => {
  const { sessions } = newQueue("s", { requiresSession: true });
  const holder = { ...consumer, lost() {} };
  sessions?.accept("empty", holder);
  sessions?.accept("with state", holder);
  sessions?.setState("with state", Buffer.from("state"));
  for (const id of ["empty", "with state"]) sessions?.release(id, holder, false);
  expect(sessions?.lockedUntil("empty")).toBe(0);
  expect(sessions?.getState("with state")).toEqual(Buffer.from("state"));
  expect(() => sessions?.accept("x".repeat(129), holder)).toThrow("129 characters");
});

test("dead letters and states of sessions count towards the size of their queue", () => {
  const queue = newQueue("q", { maxSizeMegabytes: 1 });
  queue.enqueue([
    {
      ...sentMessage("m"),
      bare: Buffer.concat([described(0x75, encode(amqp.wrap_binary(Buffer.alloc(1_100_000))))]),
    },
  ]);
  queue.settle(lockNext(queue), { kind: "dead_letter", reason: "x", description: undefined, properties: {} });
  expect(() => queue.enqueue([sentMessage("next")])).toThrow("maximum entity size");
  const withSessions = newQueue("s", { maxSizeMegabytes: 1, requiresSession: true });
  const setState = (id: string): unknown =>
    answerOf(withSessions, "com.microsoft:set-session-state", {
      "session-id": id,
      "session-state": Buffer.alloc(600_000),
    });
  for (const id of ["a", "b", "c"]) setState(id);
  expect(withSessions.sessions?.ids()).toEqual(["a", "b"]);
  withSessions.sessions?.setState("a", undefined);
  setState("c");
  expect(withSessions.sessions?.ids()).toEqual(["b", "c"]);
});

test("properties that settlements add to a message have a bound", () => {
  const queue = newQueue("q", { maxDeliveryCount: 2_000 });
  queue.enqueue([{ ...sentMessage("m"), bare: described(0x77, encode(amqp.wrap("x"))) }]);
  const abandon = (round: number): void =>
    queue.settle(lockNext(queue), { kind: "abandon", properties: { [`k${round}`]: "v".repeat(50_000) } });
  for (const round of [1, 2]) abandon(round);
  expect(() => abandon(3)).toThrow("size: 150039 bytes");
});

// A busy client of the Azure SDK forgets a session before it has written its `end`, and uses the channel again.
test.each([
  ["ended", true],
  ["was forgotten by a client that uses its channel again", false],
])("the links of a session that %s do not count any more", async (_title, isEnded) => {
  const client = await RawClient.signedIn(server);
  const attach = (name: string, handle: number): Buffer =>
    frame(
      CODE.attach,
      [
        name,
        amqp.wrap_uint(handle),
        true,
        amqp.wrap_ubyte(0),
        amqp.wrap_ubyte(1),
        composite(0x28, ["q"]),
        composite(0x29, ["me"]),
      ],
      undefined,
      1,
    );
  for (let round = 0; round < 9; round += 1) {
    client.write(frames.begin(1));
    for (let handle = 0; handle < 1_000; handle += 1) client.write(attach(`${round}/${handle}`, handle));
    if (!isEnded) continue;
    client.write(frame(CODE.end, [], undefined, 1));
    await client.next(CODE.end);
  }
  client.write(frames.sends(2, "q"));
  await client.next(CODE.attach);
  expect(client.isClosed).toBe(false);
  client.close();
});

test("replies that a client does not take are kept up to a number of bytes", async () => {
  const client = await RawClient.signedIn(server);
  client.write(
    frames.sends(2, "q"),
    frames.sends(3, "q/$management", "requests"),
    frames.receives(4, "q/$management", "answers"),
  );
  const [message, count] = [described(0x75, encode(amqp.wrap_binary(Buffer.alloc(200_000)))), 45];
  for (let id = 1; id <= count; id += 1) client.write(frames.message(2, id, message));
  for (let peek = 1; peek <= 3; peek += 1) {
    const request = { operation: "com.microsoft:peek-message" };
    client.write(
      frames.message(
        3,
        count + peek,
        requestOf(request, { "from-sequence-number": 1, "message-count": 100 }),
      ),
    );
  }
  const outcomeOf = async (id: number): Promise<string> => {
    for (;;) {
      const [, first, last, , state] = (await client.next(CODE.disposition)).fields;
      if (Number(first) <= id && id <= Number(last ?? first)) return JSON.stringify(state);
    }
  };
  expect(await outcomeOf(count + 3)).toContain("resource-limit-exceeded");
  client.close();
});
