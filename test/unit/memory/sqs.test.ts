import { expect, test } from "vitest";
import type { Delivery, Outgoing } from "../../../src/driver/index.ts";
import {
  ack,
  attributesOf,
  bodies,
  copies,
  counts,
  DAY,
  emulated,
  extend,
  HOUR,
  kinds,
  MINUTE,
  never,
  outgoing,
  release,
  SECOND,
  spec,
  type Bench,
} from "./support.ts";

/** A queue with one message left to receive, and as many in flight as there may be: one of them waits for its retry. */
async function crowded(queue: string): Promise<Bench & { readonly held: Delivery }> {
  const bed = emulated("sqs", {
    queue,
    capacity: Number.POSITIVE_INFINITY,
    prefetch: 200_000,
    leaseMs: HOUR,
  });
  let sent = 0;
  const one = (): Outgoing => {
    sent += 1;
    return outgoing({ orderingKey: String(sent), dedupId: String(sent) });
  };
  let last: Delivery[] = [];
  while (sent < 120_000) {
    await bed.driver.send(queue, Array.from({ length: 10 }, one), never);
    last = await bed.source.next(10, never);
  }
  const [held, released] = last;
  if (held === undefined || released === undefined) throw new Error("nothing was received");
  await bed.settle(release(released, 10 * MINUTE));
  await bed.driver.send(queue, [one()], never);
  return { ...bed, held };
}

test("refuses messages and requests beyond its limits", async () => {
  const { send } = emulated("sqs");
  expect(kinds(await send({ body: "x".repeat(1_048_577) }))).toEqual(["too_large"]);
  expect(
    kinds(
      await send(
        { attributes: attributesOf(10) },
        { attributes: attributesOf(11) },
        { attributes: { type: "" } },
        { attributes: { type: "\u0000" } },
        { body: "" },
        { body: "\u{FFFE}" },
        { body: "\u{D800}" },
        { body: "fine: \t\r\n \u{1F600}" },
        { delayMs: 900_000 },
        { delayMs: 900_001 },
      ),
    ),
  ).toEqual([
    "ok",
    "permanent",
    "permanent",
    "permanent",
    "permanent",
    "permanent",
    "permanent",
    "ok",
    "ok",
    "permanent",
  ]);
  expect(kinds(await send({ body: new Uint8Array([255]) }, { body: Buffer.from("text") }))).toEqual([
    "permanent",
    "ok",
  ]);
  expect(kinds(await send({ delayMs: 1_000, cancellable: true }))).toEqual(["permanent"]);
  await expect(send(...copies(11))).rejects.toMatchObject({ kind: "permanent" });
  await expect(send(...copies(2, { body: "x".repeat(600_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("counts the type of each attribute", async () => {
  const { send } = emulated("sqs");
  const fits = 1_048_576 - "name".length - "value".length - "String".length;
  const named = { attributes: { name: "value" } };
  expect(kinds(await send({ body: "x".repeat(fits), ...named }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(fits + 1), ...named }))).toEqual(["too_large"]);
});

test("counts in whole seconds, rounded up", async () => {
  const bed = emulated("sqs");
  await bed.send({ delayMs: 1_001 });
  await bed.clock.advance(1_999);
  expect(await bed.receive()).toEqual([]);
  await bed.clock.advance(1);
  const delivery = await bed.receiveOne();
  expect(await bed.settle(extend(delivery, 1_500))).toEqual([
    { ok: true, leaseUntil: bed.clock.now() + 2_000 },
  ]);
  await bed.settle(release(delivery, 500));
  await bed.clock.advance(999);
  expect(await bed.receive()).toEqual([]);
  await bed.clock.advance(1);
  expect(await bed.receive()).toHaveLength(1);
});

test("receives and settles ten at a time", async () => {
  const { source, send, receive, settle } = emulated("sqs");
  await send("a");
  const [a] = await receive();
  await expect(source.next(11, never)).rejects.toMatchObject({ kind: "permanent" });
  await expect(settle(...Array.from({ length: 11 }, () => ack(a!)))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("holds and hides a message for twelve hours from its receipt, and no longer", async () => {
  const bed = emulated("sqs");
  await bed.send("a");
  const delivery = await bed.receiveOne();
  expect(kinds(await bed.settle(release(delivery, 12 * HOUR + 1), extend(delivery, 12 * HOUR + 1)))).toEqual([
    "permanent",
    "permanent",
  ]);
  await bed.clock.advance(20 * SECOND);
  expect(kinds(await bed.settle(release(delivery, 12 * HOUR), extend(delivery, 12 * HOUR)))).toEqual([
    "permanent",
    "permanent",
  ]);
  expect(kinds(await bed.settle(extend(delivery, 12 * HOUR - 20 * SECOND)))).toEqual(["ok"]);
  await bed.clock.advance(11 * HOUR);
  expect(kinds(await bed.settle(extend(delivery, HOUR), extend(delivery, 59 * MINUTE)))).toEqual([
    "permanent",
    "ok",
  ]);
});

test("counts what was released with a delay as in flight", async () => {
  const bed = emulated("sqs");
  await bed.send("a", "b", { delayMs: 1_000 });
  await bed.settle(release(await bed.receiveOne(), 60_000));
  expect(await counts(bed)).toEqual([1, 1, 1]);
  expect(await bed.driver.stats("jobs")).toMatchObject({ approximate: true, deadLettered: undefined });
});

test("throttles a poll when 120,000 are in flight", async () => {
  const bed = await crowded("jobs");
  await expect(bed.receive()).rejects.toMatchObject({ kind: "throttled" });
  await bed.settle(ack(bed.held));
  expect(await bed.receive()).toHaveLength(1);
});

test("has an ordered queue look empty when 120,000 are in flight", async () => {
  const bed = await crowded("jobs.fifo");
  expect(await bed.receive()).toEqual([]);
  await bed.settle(ack(bed.held));
  expect(await bed.receive()).toHaveLength(1);
});

test("drops what nobody took for fourteen days", async () => {
  const bed = emulated("sqs");
  await bed.send("old");
  await bed.clock.advance(DAY);
  await bed.send("new");
  // Held or not makes no difference.
  const old = await bed.receiveOne();
  await bed.settle(release(old, 12 * HOUR));
  await bed.send("newer");
  await bed.clock.advance(13 * DAY);
  expect(bodies(await bed.receive())).toEqual(["new", "newer"]);
});

test("has ordered queues by their name: a key and an id needed, no delays", async () => {
  const bed = emulated("sqs", { queue: "jobs.fifo" });
  expect(await bed.driver.describe("jobs.fifo")).toMatchObject({
    ordering: "by_key",
    orderingKeyRequired: true,
    dedupWindowMs: 5 * MINUTE,
    deadLetter: "copy",
    deadLetterQueue: "jobs-dlq.fifo",
    delayQueue: "jobs-delay.fifo",
    nativeDelayMs: 0,
  });
  expect(
    kinds(
      await bed.send(
        { orderingKey: "k" },
        { dedupId: "1" },
        { orderingKey: "k", dedupId: "1", delayMs: 1_000 },
        { orderingKey: "k", dedupId: "1" },
      ),
    ),
  ).toEqual(["permanent", "permanent", "permanent", "ok"]);
  expect(await bed.driver.describe("jobs-dlq.fifo")).toMatchObject({ ordering: "by_key" });
  await expect(bed.driver.admin.ensure("jobs", { ...spec, ordering: "by_key" })).rejects.toMatchObject({
    kind: "permanent",
    message: expect.stringContaining(".fifo"),
  });
  await bed.driver.admin.ensure("jobs.fifo", { ...spec, ordering: "none" });
  expect((await bed.driver.describe("jobs.fifo")).ordering).toBe("by_key");
});

test("refuses a delivery limit and a lease that it does not have", async () => {
  const { driver } = emulated("sqs");
  await expect(driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1_001 })).rejects.toMatchObject({
    kind: "permanent",
  });
  const source = driver.open("jobs", { prefetch: 1, leaseMs: 13 * HOUR });
  await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
});
