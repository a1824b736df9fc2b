import { expect, test } from "vitest";
import { ownKey } from "../../../src/message/own-key.ts";
import { type RequeuePurpose, requeueId, requeueCopy, inOrder } from "../../../src/message/requeue.ts";
import { delivery, traits } from "../support.ts";

test("a copy has the same body object and the same ordering key", () => {
  const body = new Uint8Array([0xff, 0x00]);
  const copy = requeueCopy(delivery({ body, orderingKey: "k" }), "m1", "retry", { qp_attempt: "1" });

  expect(copy).toEqual({
    body,
    attributes: { qp_attempt: "1" },
    delayMs: 0,
    orderingKey: "k",
    dedupId: requeueId("m1", "retry", delivery()),
  });
  expect(copy.body).toBe(body);
});

test("the id of a copy depends on the replaced copy, the purpose and the message only", () => {
  const copy = delivery({ brokerId: "b1" });
  const first = requeueId("m1", "retry", copy);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(requeueId("m1", "retry", { ...copy, deliveryCount: 9, receipt: "other" })).toBe(first);

  const purposes: RequeuePurpose[] = ["defer", "due", "park", "dead_letter", "redrive"];
  const others = [
    requeueId("m1", "retry", delivery({ brokerId: "b2" })),
    requeueId("m2", "retry", copy),
    ...purposes.map((purpose) => requeueId("m1", purpose, copy)),
  ];
  expect(new Set([first, ...others]).size).toBe(8);
});

test("a message is ordered if its queue orders by key and the sender gave it a key", () => {
  const ordered = { ...traits, ordering: "by_key" as const };

  expect(inOrder(delivery({ orderingKey: "k" }), ordered)).toBe(true);
  expect(inOrder(delivery({ orderingKey: ownKey("m1") }), ordered)).toBe(false);
  expect(inOrder(delivery(), ordered)).toBe(false);
  expect(inOrder(delivery({ orderingKey: "k" }), traits)).toBe(false);
});

test("a message whose id equals the key that its sender gave is ordered", () => {
  const ordered = { ...traits, ordering: "by_key" as const };

  expect(inOrder(delivery({ orderingKey: "m1" }), ordered)).toBe(true);
});
