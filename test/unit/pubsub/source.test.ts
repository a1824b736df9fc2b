import { beforeEach, expect, test } from "vitest";
import { Connections } from "../../../adapters/pubsub/clients.ts";
import { Names } from "../../../adapters/pubsub/names.ts";
import { PubsubSource } from "../../../adapters/pubsub/source.ts";
import { Subscriptions } from "../../../adapters/pubsub/traits.ts";
import type { Delivery, Operation } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { FakeClients, grpcError } from "./support.ts";

const never = new AbortController().signal;
let fake: FakeClients;
let clock: FakeClock;
/** Pulls that are under way: what each is asked for, and how it is answered. */
let pulls: {
  readonly max: unknown;
  readonly answer: (...names: string[]) => void;
  readonly fail: (error: Error) => void;
}[];

beforeEach(() => {
  fake = new FakeClients();
  clock = new FakeClock();
  pulls = [];
  fake.answers["getSubscription"] = () => ({
    name: "projects/p/subscriptions/jobs",
    ackDeadlineSeconds: 30,
    enableMessageOrdering: true,
  });
  fake.answers["pull"] = ({ request, options }) =>
    new Promise((resolve) => {
      options.signal?.addEventListener("abort", () => resolve(grpcError(1)), { once: true });
      pulls.push({
        max: request["maxMessages"],
        answer: (...names) => resolve({ receivedMessages: names.map(received) }),
        fail: resolve,
      });
    });
});

/** `a1` is the message 1 of key a; `1` has no key. */
function received(id: string): object {
  return {
    ackId: `ack-${id}`,
    message: { messageId: id, orderingKey: id.replace(/\d/, ""), attributes: {} },
  };
}

function open(options: { leaseMs?: number } = {}): PubsubSource {
  const { publisher, subscriber } = fake.clients;
  const connections = new Connections({ projectId: "p", clients: { publisher, subscriber } });
  return new PubsubSource({
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
}

function ids(deliveries: readonly Delivery[]): string[] {
  return deliveries.map(({ brokerId }) => brokerId);
}

const ack = (delivery: Delivery | undefined): Operation => ({ kind: "ack", delivery: delivery as Delivery });

test("asks for as many as it is asked for", async () => {
  const source = open();
  const next = source.next(7, never);
  await clock.settle();
  expect(pulls.map(({ max }) => max)).toEqual([7]);
  pulls[0]?.answer("1", "2");
  expect(ids(await next)).toEqual(["1", "2"]);
});

test("the end of a poll without messages is no error, whether the service ends it or its deadline does", async () => {
  const source = open();
  const first = source.next(1, never);
  await clock.settle();
  pulls[0]?.answer();
  expect(await first).toEqual([]);
  const second = source.next(1, never);
  await clock.settle();
  pulls[1]?.fail(grpcError(4));
  expect(await second).toEqual([]);
});

test("any other end is", async () => {
  const next = open().next(1, never);
  await clock.settle();
  pulls[0]?.fail(grpcError(5));
  await expect(next).rejects.toMatchObject({ kind: "not_found" });
});

test("a pull that somebody else's message has served is left to the next one", async () => {
  const source = open();
  const first = source.next(5, never);
  await clock.settle();
  pulls[0]?.answer("a1", "a2");
  const [a1] = await first;
  const second = source.next(4, never);
  await clock.settle();
  await source.settle([ack(a1)]);
  expect(ids(await second)).toEqual(["a2"]);
  const third = source.next(4, never);
  await clock.settle();
  expect(pulls).toHaveLength(2);
  pulls[1]?.answer("1");
  expect(ids(await third)).toEqual(["1"]);
});

test("an aborted wait ends at once; its pull is relied on no more, and what it brings is kept", async () => {
  const source = open();
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await clock.settle();
  stop.abort();
  expect(await first).toEqual([]);
  const second = source.next(5, never);
  await clock.settle();
  expect(pulls).toHaveLength(2);
  pulls[0]?.answer("1", "2");
  expect(ids(await second)).toEqual(["1", "2"]);
});

test("stop waits for what is under way, asks for no more, and hands back what came", async () => {
  const source = open();
  const waiting = new AbortController();
  const poll = source.next(1, waiting.signal);
  await clock.settle();
  waiting.abort();
  expect(await poll).toEqual([]);
  const stopped = source.stop();
  expect(await source.next(1, never)).toEqual([]);
  pulls[0]?.answer("1");
  expect(ids(await stopped)).toEqual(["1"]);
  expect(pulls).toHaveLength(1);
});

test("a lease other than the subscription's own is asked for before anything is handed out", async () => {
  const next = open({ leaseMs: 300_000 }).next(5, never);
  await clock.settle();
  pulls[0]?.answer("1", "2");
  expect((await next).map(({ leaseUntil }) => leaseUntil)).toEqual([
    clock.now() + 300_000,
    clock.now() + 300_000,
  ]);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-1", "ack-2"]]);
});

test("what nobody asked for in time is not handed out when its lease is about to end", async () => {
  const source = open();
  const stop = new AbortController();
  const first = source.next(5, stop.signal);
  await clock.settle();
  stop.abort();
  await first;
  pulls[0]?.answer("1");
  await clock.advance(25_000);
  const second = source.next(5, never);
  await clock.settle();
  pulls[1]?.answer("2");
  expect(ids(await second)).toEqual(["2"]);
});

test("the next of a key is handed out as soon as the one before is acknowledged, to whoever waits", async () => {
  const source = open();
  const first = source.next(5, never);
  await clock.settle();
  pulls[0]?.answer("a1", "a2", "b1");
  const heads = await first;
  expect(ids(heads)).toEqual(["a1", "b1"]);
  const second = source.next(5, never);
  await clock.settle();
  await source.settle([ack(heads[0])]);
  expect(ids(await second)).toEqual(["a2"]);
});

test("what waits for its turn is extended while the one before it is", async () => {
  const source = open();
  const first = source.next(5, never);
  await clock.settle();
  pulls[0]?.answer("a1", "a2");
  const [a1] = await first;
  await clock.advance(10_000);
  await source.settle([{ kind: "extend", delivery: a1 as Delivery, leaseMs: 30_000 }]);
  await clock.advance(1_000);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toContainEqual(["ack-a2"]);
  await clock.advance(60_000);
  const extensions = fake.fields("modifyAckDeadline", "ackIds").length;
  await clock.advance(60_000);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toHaveLength(extensions);
});

test("what waits behind one that is given back goes back after it, with the same delay", async () => {
  const source = open();
  const first = source.next(5, never);
  await clock.settle();
  pulls[0]?.answer("a1", "a2", "a3");
  const [a1] = await first;
  await source.settle([{ kind: "release", delivery: a1 as Delivery, delayMs: 3_000 }]);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-a1"], ["ack-a2", "ack-a3"]]);
  expect(fake.fields("modifyAckDeadline", "ackDeadlineSeconds")).toEqual([3, 3]);
});

test("after stop, those behind a head are given back when it has its verdict, and not before", async () => {
  const source = open();
  const first = source.next(5, never);
  await clock.settle();
  pulls[0]?.answer("a1", "a2", "a3");
  const [a1] = await first;
  expect(await source.stop()).toEqual([]);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toEqual([]);
  await source.settle([ack(a1)]);
  expect(fake.fields("modifyAckDeadline", "ackIds")).toEqual([["ack-a2", "ack-a3"]]);
});

test("closed, it leaves nothing behind", async () => {
  const source = open();
  const next = source.next(5, never);
  await clock.settle();
  await source.close();
  await source.close();
  expect(await next).toEqual([]);
});
