import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Connections } from "../../../adapters/pubsub/clients.ts";
import { Names } from "../../../adapters/pubsub/names.ts";
import { PubsubSource } from "../../../adapters/pubsub/source.ts";
import { Subscriptions } from "../../../adapters/pubsub/traits.ts";
import type { Delivery, Operation } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { grpcError, StubService } from "./support.ts";

const never = new AbortController().signal;
const SOON = { timeout: 30_000, interval: 1 };
let stub: StubService;
let clock: FakeClock;
let source: PubsubSource;
/** The pulls that are under way: the request of each, and the function that answers it. */
let pulls: {
  readonly max: unknown;
  readonly answer: (...names: string[]) => void;
  readonly fail: (error: Error) => void;
}[];

beforeEach(async () => {
  stub = await StubService.start();
  clock = new FakeClock();
  pulls = [];
  stub.answers["getSubscription"] = () => ({
    name: "projects/p/subscriptions/jobs",
    ackDeadlineSeconds: 30,
    enableMessageOrdering: true,
  });
  stub.answers["pull"] = ({ request }) =>
    new Promise((resolve) => {
      pulls.push({
        max: request["maxMessages"],
        answer: (...names) => resolve({ receivedMessages: names.map(received) }),
        fail: resolve,
      });
    });
});

afterEach(async () => {
  await source.close();
  await stub[Symbol.asyncDispose]();
});

/** Resolves once `count` pulls have arrived. */
async function asked(count: number): Promise<void> {
  await vi.waitFor(() => expect(pulls).toHaveLength(count), SOON);
}

/** Resolves with the ack ids of the changes of deadlines, once there are `count` of them. */
async function changed(count: number): Promise<unknown[]> {
  await vi.waitFor(() => expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(count), SOON);
  return stub.fields("modifyAckDeadline", "ackIds");
}

/** Creates a received message: `a1` is message 1 of key `a`, and `1` has no key. */
function received(id: string): object {
  return {
    ackId: `ack-${id}`,
    message: { messageId: id, orderingKey: id.replace(/\d/, ""), attributes: {} },
  };
}

function open(options: { leaseMs?: number } = {}): PubsubSource {
  const { publisher, subscriber } = stub.clients;
  const connections = new Connections({ projectId: "p", clients: { publisher, subscriber } });
  source = new PubsubSource({
    queue: "jobs",
    prefetch: 100,
    leaseMs: 30_000,
    waitMs: 20_000,
    connections,
    subscriptions: new Subscriptions(connections, new Names({})),
    clock,
    closed: () => {},
    ...options,
  });
  return source;
}

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ brokerId }) => brokerId);
}

const ack = (delivery: Delivery | undefined): Operation => ({ kind: "ack", delivery: delivery as Delivery });

test("a pull asks for as many messages as the call", async () => {
  open();
  const next = source.next(7, never);
  await asked(1);
  expect(pulls).toMatchObject([{ max: 7 }]);
  pulls[0]?.answer("1", "2");
  expect(ids(await next)).toEqual(["1", "2"]);
});

test("messages beyond the number that was asked for are handed out by the next call", async () => {
  open();
  const first = source.next(1, never);
  await asked(1);
  pulls[0]?.answer("1", "2", "3");
  expect(ids(await first)).toEqual(["1"]);
  expect(ids(await source.next(5, never))).toEqual(["2", "3"]);
  expect(pulls).toHaveLength(1);
});

test("a pull that ends without messages is not an error, whether the service or the deadline ends it", async () => {
  open();
  const first = source.next(1, never);
  await asked(1);
  pulls[0]?.answer();
  expect(await first).toEqual([]);
  const second = source.next(1, never);
  await asked(2);
  pulls[1]?.fail(grpcError(4));
  expect(await second).toEqual([]);
});

test("a pull that ends with another status is an error", async () => {
  const next = open().next(1, never);
  await asked(1);
  pulls[0]?.fail(grpcError(5));
  await expect(next).rejects.toMatchObject({ kind: "not_found" });
});

test("a pull whose call was served by another pull is used by the next call", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2");
  const [a1] = await first;
  const second = source.next(4, never);
  await asked(2);
  await source.settle([ack(a1)]);
  expect(ids(await second)).toEqual(["a2"]);
  const third = source.next(4, never);
  await asked(2);
  pulls[1]?.answer("1");
  expect(ids(await third)).toEqual(["1"]);
});

/** Makes a call, and aborts it once its pull has arrived. */
async function abandonedCall(max: number): Promise<void> {
  const stop = new AbortController();
  const call = source.next(max, stop.signal);
  await asked(1);
  stop.abort();
  expect(await call).toEqual([]);
}

test("an aborted call ends at once, and the next call waits for its pull and gets its messages", async () => {
  open();
  await abandonedCall(5);
  const second = source.next(5, never);
  pulls[0]?.answer("1");
  expect([ids(await second), pulls.length]).toEqual([["1"], 1]);
});

test("a call does not wait for the pull of an aborted call that counts as lost, whose messages are kept", async () => {
  open();
  await abandonedCall(5);
  // The core replaces a poll 15 s after its wait of 20 s.
  await clock.advance(35_000);
  const second = source.next(5, never);
  await asked(2);
  pulls[0]?.answer("1", "2");
  expect(ids(await second)).toEqual(["1", "2"]);
});

test("stop waits for the pull that is under way and returns its messages", async () => {
  open();
  await abandonedCall(1);
  const stopped = source.stop();
  expect(await source.next(1, never)).toEqual([]);
  pulls[0]?.answer("1");
  expect(ids(await stopped)).toEqual(["1"]);
  expect(pulls).toHaveLength(1);
});

test.each([
  ["a lease shorter than the ack deadline is set at once", 10_000, true],
  ["a lease longer than the ack deadline is left to the receiver", 300_000, false],
])("on an unordered subscription, %s", async (_, leaseMs, isAskedFor) => {
  stub.answers["getSubscription"] = () => ({ ackDeadlineSeconds: 30 });
  const next = open({ leaseMs }).next(5, never);
  await asked(1);
  pulls[0]?.answer("1");
  expect((await next)[0]?.leaseUntil).toBe(clock.now() + (isAskedFor ? leaseMs : 30_000));
  expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(isAskedFor ? 1 : 0);
});

test("on an ordered subscription, a different lease is set before a message is handed out", async () => {
  const next = open({ leaseMs: 300_000 }).next(5, never);
  await asked(1);
  pulls[0]?.answer("1", "2");
  expect((await next).map(({ leaseUntil }) => leaseUntil)).toEqual([
    clock.now() + 300_000,
    clock.now() + 300_000,
  ]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-1", "ack-2"]]);
});

/** Answers a pull with these messages after its call was aborted. */
async function bringLate(...names: string[]): Promise<void> {
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await asked(1);
  stop.abort();
  await first;
  pulls[0]?.answer(...names);
  // The first answer has arrived once a later one has.
  await stub.clients.subscriber.getSubscription({ subscription: "projects/p/subscriptions/jobs" });
}

test("the lease of a kept message is extended until a call takes it", async () => {
  open();
  await bringLate("a1", "a2");
  await clock.advance(10_000);
  expect(await changed(1)).toEqual([["ack-a2", "ack-a1"]]);
  await clock.advance(10_000);
  await changed(2);
  await clock.advance(9_000);
  expect(ids(await source.next(5, never))).toEqual(["a1"]);
});

test("a message whose lease ended while the process was blocked is not extended", async () => {
  open();
  await bringLate("a1", "a2");
  stub.answers["modifyAckDeadline"] = () => grpcError(14);
  await clock.advance(31_000);
  stub.answers["modifyAckDeadline"] = () => ({});
  const tried = stub.fields("modifyAckDeadline", "ackIds").length;
  await clock.advance(20_000);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(tried);
  const again = source.next(5, never);
  await asked(2);
  pulls[1]?.answer("a1");
  expect(ids(await again)).toEqual(["a1"]);
});

test("a kept message is released after a minute if no call takes it", async () => {
  open();
  await bringLate("a1", "a2");
  for (let extension = 1; extension <= 6; extension += 1) {
    await clock.advance(10_000);
    await changed(extension);
  }
  await clock.advance(10_000);
  await changed(7);
  expect(stub.fields("modifyAckDeadline", "ackDeadlineSeconds").at(-1) ?? 0).toBe(0);
  expect(stub.fields("modifyAckDeadline", "ackIds").at(-1)).toEqual(["ack-a1", "ack-a2"]);
  const again = source.next(5, never);
  await asked(2);
  pulls[1]?.answer("a1");
  expect((await again).map(({ deliveryCount }) => deliveryCount)).toEqual([1]);
});

test("a kept message whose lease is about to end and cannot be extended is not handed out", async () => {
  stub.answers["modifyAckDeadline"] = () => grpcError(14);
  open();
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await asked(1);
  stop.abort();
  await first;
  pulls[0]?.answer("1");
  // The first answer has arrived once a later one has.
  await stub.clients.subscriber.getSubscription({ subscription: "projects/p/subscriptions/jobs" });
  await clock.advance(25_000);
  const second = source.next(5, never);
  await asked(2);
  pulls[1]?.answer("2");
  expect(ids(await second)).toEqual(["2"]);
});

test("the next message of a key is handed out to a waiting call as soon as its head is acknowledged", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2", "b1");
  const heads = await first;
  expect(ids(heads)).toEqual(["a1", "b1"]);
  const second = source.next(5, never);
  await asked(2);
  await source.settle([ack(heads[0])]);
  expect(ids(await second)).toEqual(["a2"]);
});

test("the lease of a message behind a head is extended while the head's is", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2");
  const [a1] = await first;
  await clock.advance(10_000);
  await source.settle([{ kind: "extend", delivery: a1 as Delivery, leaseMs: 30_000 }]);
  expect(new Set(await changed(2))).toEqual(new Set([["ack-a1"], ["ack-a2"]]));
  // The head is not extended any more. Once its lease has ended, the message behind it is not extended either.
  await clock.advance(30_000);
  await source.settle([]);
  const extensions = stub.fields("modifyAckDeadline", "ackIds").length;
  await clock.advance(60_000);
  const next = source.next(5, never);
  await asked(2);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(extensions);
  pulls[1]?.answer();
  await next;
});

test("the messages behind a released head are released after it, with the same delay", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2", "a3");
  const [a1] = await first;
  await source.settle([{ kind: "release", delivery: a1 as Delivery, delayMs: 3_000 }]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-a1"], ["ack-a2", "ack-a3"]]);
  expect(stub.fields("modifyAckDeadline", "ackDeadlineSeconds")).toEqual([3, 3]);
});

test("after stop, the messages behind a head are released when the head is settled, and not before", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2", "a3");
  const [a1] = await first;
  expect(await source.stop()).toEqual([]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([]);
  await source.settle([ack(a1)]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-a2", "ack-a3"]]);
});

test("a closed source leaves no timer and no request", async () => {
  open();
  const next = source.next(5, never);
  await asked(1);
  await source.close();
  await source.close();
  expect(await next).toEqual([]);
});
