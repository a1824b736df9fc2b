import assert from "node:assert/strict";
import { PermanentError, RetryAfterError } from "../../errors.ts";
import { alone, caseMaker, type ConformanceCase } from "../case.ts";
import type { Declared } from "../harness.ts";
import { job, refusal } from "../kit/jobs.ts";
import { letterOf } from "../kit/letters.ts";

const check = caseMaker("ordering");

function keepsOrder({ orderedTraits }: Declared): string | undefined {
  return orderedTraits?.ordering === "by_key" ? undefined : "the provider keeps no order";
}

const byKey = check(
  "ordering.by_key",
  "1,000 messages of 16 keys reach 10 receivers in the order of each key",
  async (stage) => {
    const queue = await stage.makeQueue({ ordering: "by_key" });
    const sender = await stage.connect();
    await stage.sendMany(sender, queue, 1_000, (index) => ({ orderingKey: `key ${index % 16}` }));
    const inbox = stage.inbox();
    const busy = new Set<string>();
    const behave = inbox.handler(async ({ message: { orderingKey = "" } }) => {
      assert.ok(!busy.has(orderingKey), `one message of ${orderingKey} at a time`);
      busy.add(orderingKey);
      await stage.sleep(1);
      busy.delete(orderingKey);
    });
    for (let receivers = 0; receivers < 10; receivers += 1) (await stage.connect()).receive(queue, behave);
    await stage.until("all arrive", () => inbox.size >= 1_000, 5 * stage.timing.patienceMs);
    await stage.pass(stage.lateMs);
    assert.equal(inbox.duplicates, 0, "each once");
    for (let key = 0; key < 16; key += 1) {
      const own = inbox.arrivals.filter(({ message }) => message.orderingKey === `key ${key}`);
      const indexes = own.map(({ message }) => (message.payload as { index: number }).index);
      assert.deepEqual(
        indexes,
        indexes.toSorted((one, other) => one - other),
        `key ${key} is in order`,
      );
      assert.equal(indexes.length, key < 8 ? 63 : 62);
    }
  },
  keepsOrder,
);

const blocked = check(
  "ordering.blocked_key",
  "a head that fails blocks its key, through its backoff, and no other",
  async (stage) => {
    // Long enough for the other key to be done meanwhile.
    const backoffMs = 5 * stage.timing.unitMs;
    const queue = await stage.makeQueue({ ordering: "by_key" });
    const peer = await stage.connect();
    const keys = ["a", "a", "a", "b", "b", "b"];
    await stage.sendMany(peer, queue, 6, (index) => ({
      orderingKey: keys[index],
      payload: `${keys[index]}${index % 3}`,
    }));
    const inbox = stage.inbox();
    const receiving = peer.receive(
      queue,
      inbox.handler(({ message, attempt }) => {
        if (message.payload === "a0" && attempt < 3) throw new RetryAfterError(backoffMs);
      }),
    );
    await stage.until(
      "all are done",
      () => inbox.arrivals.length >= 8,
      2 * backoffMs + stage.timing.patienceMs,
    );
    await stage.done("the receiver stops", receiving.stop());
    const runsOf = (key: string): string[] =>
      inbox.arrivals
        .filter(({ message }) => message.orderingKey === key)
        .map(({ message, attempt }) => `${message.payload as string}#${attempt}`);
    assert.deepEqual(runsOf("a"), ["a0#1", "a0#2", "a0#3", "a1#1", "a2#1"]);
    assert.deepEqual(runsOf("b"), ["b0#1", "b1#1", "b2#1"]);
    const at = (payload: string, run = 0): number =>
      inbox.arrivals.filter(({ message }) => message.payload === payload)[run]?.at ?? 0;
    stage.onTime("the second run of the head", at("a0", 1), at("a0") + backoffMs);
    stage.onTime("the third run of the head", at("a0", 2), at("a0", 1) + backoffMs);
    assert.ok(at("b2") < at("a0", 1), "the other key goes on meanwhile");
    await stage.assertEmpty(queue);
  },
  keepsOrder,
);

const unblocked = check(
  "ordering.blocked_key",
  "a head that is dead-lettered frees its key, and goes back to it by a redrive",
  async (stage) => {
    const queue = await stage.makeQueue({ ordering: "by_key" });
    const peer = await stage.connect();
    const [head = "", next = ""] = await stage.sendMany(peer, queue, 2, () => ({ orderingKey: "a" }));
    const inbox = stage.inbox();
    let fails = true;
    peer.receive(
      queue,
      inbox.handler(({ message }) => {
        if (message.id === head && fails) throw new PermanentError("not this one");
      }),
    );
    await stage.until("the next one is run", () => inbox.count(next) > 0);
    assert.deepEqual([inbox.count(head), inbox.count(next)], [1, 1]);
    const letter = await letterOf(stage, peer, queue);
    assert.deepEqual([letter.id, letter.info.reason, letter.info.attempts], [head, "permanent_error", 1]);
    fails = false;
    await stage.done("the redrive", peer.queue.deadLetters(queue).redrive());
    await stage.until("the head is run again", () => inbox.count(head) > 1);
    assert.deepEqual(
      inbox.of(head).map(({ message }) => message.orderingKey),
      ["a", "a"],
    );
    assert.deepEqual(inbox.attempts(head), [1, 1]);
  },
  keepsOrder,
);

/** The queue of this adapter that deduplicates, if there is one. */
function dedupOn({
  traits,
  orderedTraits,
}: Declared): { ordering: "none" | "by_key"; windowMs: number } | undefined {
  if (traits.dedupWindowMs > 0) return { ordering: "none", windowMs: traits.dedupWindowMs };
  if (orderedTraits === undefined || orderedTraits.dedupWindowMs === 0) return undefined;
  return { ordering: "by_key", windowMs: orderedTraits.dedupWindowMs };
}

const dedup = check(
  "ordering.dedup",
  "a repeated dedup id is sent once inside its window, also from another process",
  async (stage) => {
    const { ordering = "none", windowMs = 0 } = dedupOn(stage.declared) ?? {};
    const queue = await stage.makeQueue({ ordering });
    const peers = [await stage.connect(), await stage.connect()];
    const key = ordering === "by_key" ? { orderingKey: "a" } : {};
    const send = async (index: number, dedupId: string): Promise<void> => {
      await peers[index % 2]!.queue.send(queue, { ...job(index), ...key, dedupId });
    };
    await send(0, "one");
    await send(1, "one");
    await send(2, "two");
    const inbox = stage.inbox();
    peers[0]!.receive(queue, inbox.handler());
    await stage.until("two arrive", () => inbox.arrivals.length >= 2);
    await send(3, "one");
    await stage.pass(stage.lateMs);
    const payloads = (): unknown[] => inbox.arrivals.map(({ message }) => message.payload);
    assert.deepEqual(payloads(), [0, 2], "also when the first one has been handled");
    if (stage.harness.clock === undefined) return;
    await stage.pass(windowMs);
    await send(4, "one");
    await stage.until("it is sent again after the window", () => inbox.arrivals.length >= 3);
    assert.deepEqual(payloads(), [0, 2, 4]);
  },
  (declared) => (dedupOn(declared) === undefined ? "the provider does not deduplicate" : undefined),
);

const noOrder = check(
  "ordering.undeclared",
  "an ordering key is refused as not_supported on a queue that keeps no order",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const message = { ...job(), orderingKey: "a" };
    await assert.rejects(peer.queue.send(queue, message), refusal("not_supported", queue, "orderingKey"));
    await stage.assertEmpty(queue);
  },
);

const noDedup = check(
  "ordering.undeclared",
  "a dedup id is refused as not_supported on a queue that does not deduplicate",
  async (stage) => {
    const ordering = stage.declared.traits.dedupWindowMs === 0 ? "none" : "by_key";
    const queue = await stage.makeQueue({ ordering });
    const peer = await stage.connect();
    const message = { ...job(), dedupId: "one" };
    await assert.rejects(peer.queue.send(queue, message), refusal("not_supported", queue, "dedupId"));
    await stage.assertEmpty(queue);
  },
  ({ traits, orderedTraits }) =>
    traits.dedupWindowMs > 0 && orderedTraits?.dedupWindowMs !== 0 ? "every queue deduplicates" : undefined,
);

const noDelayInOrder = check(
  "ordering.undeclared",
  "a delay is refused as not_supported for a message that has a place in an order",
  async (stage) => {
    const queue = await stage.makeQueue({ ordering: "by_key" });
    const peer = await stage.connect();
    const sending = peer.queue.sendDelayed(queue, { ...job(), orderingKey: "a" }, stage.timing.unitMs);
    await assert.rejects(sending, refusal("not_supported", queue));
    await stage.pass(stage.timing.unitMs);
    await stage.assertEmpty(queue);
  },
  keepsOrder,
);

const keylessDelay = check(
  "ordering.undeclared",
  "a message without a key can be delayed on an ordered queue, and is on time",
  async (stage) => {
    const delayMs = 2 * stage.timing.unitMs;
    const queue = await stage.makeQueue({ ordering: "by_key" });
    const peer = await stage.connect();
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    const sentAt = stage.now();
    const { id } = await peer.queue.sendDelayed(queue, job(), delayMs);
    const acceptedAt = stage.now();
    await stage.until("it arrives", () => inbox.count(id) > 0, delayMs + stage.timing.patienceMs);
    const [arrival] = inbox.of(id);
    assert.ok(arrival);
    stage.onTime("it", arrival.at, sentAt + delayMs, stage.lateMs + acceptedAt - sentAt);
    assert.equal(arrival.attempt, 1);
  },
  keepsOrder,
);

export const orderingCases: readonly ConformanceCase[] = [
  alone(byKey),
  blocked,
  unblocked,
  dedup,
  noOrder,
  noDedup,
  noDelayInOrder,
  keylessDelay,
];
