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
/** Pulls that are under way: what each is asked for, and how it is answered. */
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

/** Resolves once so many pulls have come in. */
async function asked(count: number): Promise<void> {
  await vi.waitFor(() => expect(pulls).toHaveLength(count), SOON);
}

/** The ack ids of the changes of deadlines, once there are so many. */
async function changed(count: number): Promise<unknown[]> {
  await vi.waitFor(() => expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(count), SOON);
  return stub.fields("modifyAckDeadline", "ackIds");
}

/** `a1` is the message 1 of key a; `1` has no key. */
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

test("asks for as many as it is asked for", async () => {
  open();
  const next = source.next(7, never);
  await asked(1);
  expect(pulls.map(({ max }) => max)).toEqual([7]);
  pulls[0]?.answer("1", "2");
  expect(ids(await next)).toEqual(["1", "2"]);
});

test("a server that gives more than it was asked for: no more is handed out, and the rest is next", async () => {
  open();
  const first = source.next(1, never);
  await asked(1);
  pulls[0]?.answer("1", "2", "3");
  expect(ids(await first)).toEqual(["1"]);
  expect(ids(await source.next(5, never))).toEqual(["2", "3"]);
  expect(pulls).toHaveLength(1);
});

test("the end of a poll without messages is no error, whether the service ends it or its deadline does", async () => {
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

test("any other end is", async () => {
  const next = open().next(1, never);
  await asked(1);
  pulls[0]?.fail(grpcError(5));
  await expect(next).rejects.toMatchObject({ kind: "not_found" });
});

test("a pull that somebody else's message has served is left to the next one", async () => {
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

test("an aborted wait ends at once; its pull is relied on no more, and what it brings is kept", async () => {
  open();
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await asked(1);
  stop.abort();
  expect(await first).toEqual([]);
  const second = source.next(5, never);
  await asked(2);
  expect(pulls).toHaveLength(2);
  pulls[0]?.answer("1", "2");
  expect(ids(await second)).toEqual(["1", "2"]);
});

test("stop waits for what is under way, asks for no more, and hands back what came", async () => {
  open();
  const waiting = new AbortController();
  const poll = source.next(1, waiting.signal);
  await asked(1);
  waiting.abort();
  expect(await poll).toEqual([]);
  const stopped = source.stop();
  expect(await source.next(1, never)).toEqual([]);
  pulls[0]?.answer("1");
  expect(ids(await stopped)).toEqual(["1"]);
  expect(pulls).toHaveLength(1);
});

test.each([
  ["shorter than the subscription's, it is asked for at once", 10_000, true],
  ["longer, whoever holds the message sees to it", 300_000, false],
])("a lease without order: %s", async (_, leaseMs, isAskedFor) => {
  stub.answers["getSubscription"] = () => ({ ackDeadlineSeconds: 30 });
  const next = open({ leaseMs }).next(5, never);
  await asked(1);
  pulls[0]?.answer("1");
  expect((await next)[0]?.leaseUntil).toBe(clock.now() + (isAskedFor ? leaseMs : 30_000));
  expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(isAskedFor ? 1 : 0);
});

test("a lease other than the subscription's own is asked for before anything is handed out, where order is kept", async () => {
  const next = open({ leaseMs: 300_000 }).next(5, never);
  await asked(1);
  pulls[0]?.answer("1", "2");
  expect((await next).map(({ leaseUntil }) => leaseUntil)).toEqual([
    clock.now() + 300_000,
    clock.now() + 300_000,
  ]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-1", "ack-2"]]);
});

/** Has a pull bring this after its waiter has gone. */
async function bringLate(...names: string[]): Promise<void> {
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await asked(1);
  stop.abort();
  await first;
  pulls[0]?.answer(...names);
  // It has come by the time that a later answer has.
  await stub.clients.subscriber.getSubscription({ subscription: "projects/p/subscriptions/jobs" });
}

test("what nobody asks for yet is kept by extensions, and has lost nothing by it", async () => {
  open();
  await bringLate("a1", "a2");
  await clock.advance(10_000);
  expect(await changed(1)).toEqual([["ack-a2", "ack-a1"]]);
  await clock.advance(10_000);
  await changed(2);
  await clock.advance(9_000);
  expect(ids(await source.next(5, never))).toEqual(["a1"]);
});

test("what has lapsed while the process stood still is not extended: somebody else may have it", async () => {
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

test("what nobody asks for at all goes back after a minute, unstarted", async () => {
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

test("what nobody asked for in time is not handed out when its lease is about to end, and cannot be extended", async () => {
  stub.answers["modifyAckDeadline"] = () => grpcError(14);
  open();
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await asked(1);
  stop.abort();
  await first;
  pulls[0]?.answer("1");
  // It has come by the time that a later answer has.
  await stub.clients.subscriber.getSubscription({ subscription: "projects/p/subscriptions/jobs" });
  await clock.advance(25_000);
  const second = source.next(5, never);
  await asked(2);
  pulls[1]?.answer("2");
  expect(ids(await second)).toEqual(["2"]);
});

test("the next of a key is handed out as soon as the one before is acknowledged, to whoever waits", async () => {
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

test("what waits for its turn is extended while the one before it is", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2");
  const [a1] = await first;
  await clock.advance(10_000);
  await source.settle([{ kind: "extend", delivery: a1 as Delivery, leaseMs: 30_000 }]);
  expect(new Set(await changed(2))).toEqual(new Set([["ack-a1"], ["ack-a2"]]));
  // Nobody extends the head any more: when its lease has ended, nor is what waits behind it.
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

test("what waits behind one that is given back goes back after it, with the same delay", async () => {
  open();
  const first = source.next(5, never);
  await asked(1);
  pulls[0]?.answer("a1", "a2", "a3");
  const [a1] = await first;
  await source.settle([{ kind: "release", delivery: a1 as Delivery, delayMs: 3_000 }]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-a1"], ["ack-a2", "ack-a3"]]);
  expect(stub.fields("modifyAckDeadline", "ackDeadlineSeconds")).toEqual([3, 3]);
});

test("after stop, those behind a head are given back when it has its verdict, and not before", async () => {
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

test("closed, it leaves nothing behind", async () => {
  open();
  const next = source.next(5, never);
  await asked(1);
  await source.close();
  await source.close();
  expect(await next).toEqual([]);
});
