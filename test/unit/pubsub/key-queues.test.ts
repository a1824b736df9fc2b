import { beforeEach, expect, test } from "vitest";
import { deliveryOf, receiptOf } from "../../../adapters/pubsub/delivery.ts";
import { KeyQueues } from "../../../adapters/pubsub/key-queues.ts";
import type { Delivery } from "../../../src/driver/index.ts";

let queues: KeyQueues;
let received = 0;
beforeEach(() => {
  queues = new KeyQueues();
});

/** Creates a delivery: `a1` is message 1 of key `a`, and `1` is message 1 without a key. */
function deliver(name: string, leaseUntil: number = 10, deliveryAttempt: number = 1): Delivery {
  received += 1;
  const orderingKey = name.replace(/\d/, "");
  return deliveryOf(
    { ackId: `${name}:${received}`, message: { messageId: name, orderingKey }, deliveryAttempt },
    leaseUntil,
    true,
  );
}

function admit(...names: string[]): Delivery[] {
  return queues.admit(
    names.map((name) => deliver(name)),
    0,
  );
}

function ids(deliveries: readonly (Delivery | undefined)[]): (string | undefined)[] {
  return deliveries.map((delivery) => delivery?.brokerId);
}

test("one message of each key is handed out, and every message without a key", () => {
  expect(ids(admit("a1", "b1", "a2", "1", "2", "b2"))).toEqual(["a1", "b1", "1", "2"]);
  expect(queues.holding).toBe(2);
});

test("the next message of a key is handed out after its head is acknowledged", () => {
  const [a1] = admit("a1", "a2", "a3");
  const a2 = queues.advance(a1 as Delivery);
  expect(ids([a2])).toEqual(["a2"]);
  expect(ids([queues.advance(a2 as Delivery)])).toEqual(["a3"]);
  expect(queues.holding).toBe(0);
});

test("a key is free after its last message is acknowledged", () => {
  const [a1] = admit("a1");
  expect(ids(admit("a2"))).toEqual([]);
  const a2 = queues.advance(a1 as Delivery);
  expect(queues.advance(a2 as Delivery)).toBeUndefined();
  expect(ids(admit("a3"))).toEqual(["a3"]);
});

test("the messages behind a released head are released as well", () => {
  const [a1, b1] = admit("a1", "a2", "b1", "b2", "a3");
  expect(ids(queues.scatter(a1 as Delivery))).toEqual(["a2", "a3"]);
  expect(ids(queues.scatter(a1 as Delivery))).toEqual([]);
  expect(ids([queues.advance(b1 as Delivery)])).toEqual(["b2"]);
});

test("settling a delivery that a later one has replaced changes nothing", () => {
  const [first] = admit("a1", "a2");
  const [second] = admit("a1", "a2");
  expect(ids([second])).toEqual(["a1"]);
  expect(queues.advance(first as Delivery)).toBeUndefined();
  expect(queues.holding).toBe(1);
  expect(ids([queues.advance(second as Delivery)])).toEqual(["a2"]);
});

test("a head whose lease was renewed is still the head", () => {
  const [a1] = admit("a1", "a2");
  expect(ids([queues.advance({ ...(a1 as Delivery), leaseUntil: 99 })])).toEqual(["a2"]);
});

test("the messages behind a head whose lease has ended are released", () => {
  queues.admit([deliver("a1", 10), deliver("a2", 99), deliver("b1", 30), deliver("b2", 20)], 0);
  expect(ids(queues.scatterLapsed(10))).toEqual(["a2"]);
  expect(queues.dueBy(25).map(({ leaseUntil }) => leaseUntil)).toEqual([20]);
  expect(queues.dueBy(19)).toEqual([]);
});

test("each delivery has its own receipt", () => {
  const delivery = deliver("a1", 7);
  expect(receiptOf(delivery)).toMatchObject({ leaseUntil: 7, acked: false });
});

test("a message that was returned without a run has no further attempt", () => {
  const [a1] = admit("a1", "a2");
  queues.scatter(a1 as Delivery);
  const [again] = queues.admit([deliver("a1", 10, 2), deliver("a2", 10, 2)], 0);
  expect(again?.deliveryCount).toBe(2);
  queues.scatter(again as Delivery);
  const [last] = queues.admit([deliver("a1", 10, 3), deliver("a2", 10, 3)], 0);
  expect(last?.deliveryCount).toBe(3);
  const a2 = queues.advance(last as Delivery);
  expect(a2).toMatchObject({ brokerId: "a2", deliveryCount: 1 });
  queues.scatter(a2 as Delivery);
  expect(queues.admit([deliver("a2", 10, 4)], 0)[0]?.deliveryCount).toBe(2);
});

test("a message that is delivered again while it waits has no further attempt", () => {
  const [a1] = admit("a1", "a2");
  queues.scatter(a1 as Delivery);
  const [again] = queues.admit([deliver("a1", 10, 2), deliver("a2", 10, 3), deliver("a2", 10, 4)], 0);
  expect(queues.advance(again as Delivery)?.deliveryCount).toBe(2);
});

test("the next message of a key is handed out if the lease of its head has ended", () => {
  queues.admit([deliver("a1", 10), deliver("a2", 30)], 0);
  expect(ids(queues.admit([deliver("a3", 40)], 9))).toEqual([]);
  expect(ids(queues.admit([deliver("a1", 50), deliver("a2", 50)], 20))).toEqual(["a1"]);
  expect(queues.holding).toBe(1);
});
