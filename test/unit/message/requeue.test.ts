import { expect, test } from "vitest";
import { type RequeuePurpose, requeueId, requeueCopy, inOrder } from "../../../src/message/requeue.ts";
import { delivery, traits } from "../support.ts";

test("a clone has the body as it came, and the same key", () => {
  const body = new Uint8Array([0xff, 0x00]);
  const clone = requeueCopy(delivery({ body, orderingKey: "k" }), "m1", "retry", { qp_attempt: "1" });

  expect(clone).toEqual({
    body,
    attributes: { qp_attempt: "1" },
    delayMs: 0,
    orderingKey: "k",
    dedupId: requeueId("m1", "retry", delivery()),
  });
  expect(clone.body).toBe(body);
});

test("its id is the same for every delivery of one copy, and no other copy's, purpose's or message's", () => {
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

test("a message has a place to keep where its key is not its own id", () => {
  const ordered = { ...traits, ordering: "by_key" as const };

  expect(inOrder(delivery({ orderingKey: "k" }), "m1", ordered)).toBe(true);
  expect(inOrder(delivery({ orderingKey: "m1" }), "m1", ordered)).toBe(false);
  expect(inOrder(delivery(), "m1", ordered)).toBe(false);
  expect(inOrder(delivery({ orderingKey: "k" }), "m1", traits)).toBe(false);
});
