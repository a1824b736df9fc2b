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
  spec,
  type Fixture,
} from "./support.ts";

/** A queue with the most messages in flight, one of which waits for its retry, and with one more message to receive. */
async function crowded(queue: string): Promise<Fixture & { readonly held: Delivery }> {
  const fixture = emulated("sqs", {
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
    await fixture.driver.send(queue, Array.from({ length: 10 }, one), never);
    last = await fixture.source.next(10, never);
  }
  const [held, released] = last;
  if (held === undefined || released === undefined) throw new Error("nothing was received");
  await fixture.settle(release(released, 10 * MINUTE));
  await fixture.driver.send(queue, [one()], never);
  return { ...fixture, held };
}

test("emulated SQS refuses messages and requests beyond its limits", async () => {
  const { send } = emulated("sqs");
  expect(kinds(await send({ body: "x".repeat(1_048_577) }))).toEqual(["too_large"]);
  expect(
    kinds(
      await send(
        { attributes: attributesOf(10) },
        { attributes: attributesOf(11) },
        { attributes: { type: "\u0000" } },
        { body: "" },
        { body: "\u{FFFE}" },
        { body: "\u{D800}" },
        { body: "fine: \t\r\n \u{1F600}" },
        { delayMs: 900_000 },
        { delayMs: 900_001 },
      ),
    ),
  ).toEqual(["ok", "permanent", "permanent", "permanent", "permanent", "permanent", "ok", "ok", "permanent"]);
  expect(kinds(await send({ body: Buffer.from("text") }))).toEqual(["permanent"]);
  expect(kinds(await send({ delayMs: 1_000, cancellable: true }))).toEqual(["permanent"]);
  await expect(send(...copies(11))).rejects.toMatchObject({ kind: "permanent" });
  await expect(send(...copies(2, { body: "x".repeat(600_000) }))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("emulated SQS counts the data type of each attribute towards the size", async () => {
  const { send } = emulated("sqs");
  const fits = 1_048_576 - "name".length - "value".length - "String".length;
  const named = { attributes: { name: "value" } };
  expect(kinds(await send({ body: "x".repeat(fits), ...named }))).toEqual(["ok"]);
  expect(kinds(await send({ body: "x".repeat(fits + 1), ...named }))).toEqual(["too_large"]);
});

test("emulated SQS rounds delays and leases up to whole seconds", async () => {
  const fixture = emulated("sqs");
  await fixture.send({ delayMs: 1_001 });
  await fixture.clock.advance(1_999);
  expect(await fixture.receive()).toEqual([]);
  await fixture.clock.advance(1);
  const delivery = await fixture.receiveOne();
  expect(await fixture.settle(extend(delivery, 1_500))).toEqual([
    { ok: true, leaseUntil: fixture.clock.now() + 2_000 },
  ]);
  await fixture.settle(release(delivery, 500));
  await fixture.clock.advance(999);
  expect(await fixture.receive()).toEqual([]);
  await fixture.clock.advance(1);
  expect(await fixture.receive()).toHaveLength(1);
});

test("emulated SQS receives and settles at most ten messages in a call", async () => {
  const { source, send, receive, settle } = emulated("sqs");
  await send("a");
  const [a] = await receive();
  await expect(source.next(11, never)).rejects.toMatchObject({ kind: "permanent" });
  await expect(settle(...Array.from({ length: 11 }, () => ack(a!)))).rejects.toMatchObject({
    kind: "permanent",
  });
});

test("emulated SQS holds and hides a message for at most 12 hours from its receipt", async () => {
  const fixture = emulated("sqs");
  await fixture.send("a");
  const delivery = await fixture.receiveOne();
  expect(
    kinds(await fixture.settle(release(delivery, 12 * HOUR + 1), extend(delivery, 12 * HOUR + 1))),
  ).toEqual(["permanent", "permanent"]);
  // The adapter keeps a minute of the 12 hours as margin, and the emulation does as well.
  const longest = 12 * HOUR - MINUTE;
  await fixture.settle(extend(delivery, HOUR));
  await fixture.clock.advance(2 * MINUTE);
  const rest = longest - 2 * MINUTE;
  expect(kinds(await fixture.settle(release(delivery, rest + 1), extend(delivery, rest + 1)))).toEqual([
    "permanent",
    "permanent",
  ]);
  expect(kinds(await fixture.settle(extend(delivery, rest)))).toEqual(["ok"]);
  await fixture.clock.advance(11 * HOUR);
  expect(kinds(await fixture.settle(extend(delivery, HOUR), extend(delivery, 57 * MINUTE)))).toEqual([
    "permanent",
    "ok",
  ]);
});

test("emulated SQS counts a message that was released with a delay as in flight", async () => {
  const fixture = emulated("sqs");
  await fixture.send("a", "b", { delayMs: 1_000 });
  await fixture.settle(release(await fixture.receiveOne(), 60_000));
  expect(await counts(fixture)).toEqual([1, 1, 1]);
  expect(await fixture.driver.stats("jobs")).toMatchObject({ approximate: true, deadLettered: undefined });
});

test("a standard queue of emulated SQS throttles a poll while 120,000 messages are in flight", async () => {
  const fixture = await crowded("jobs");
  await expect(fixture.receive()).rejects.toMatchObject({ kind: "throttled" });
  await fixture.settle(ack(fixture.held));
  expect(await fixture.receive()).toHaveLength(1);
});

test("a FIFO queue of emulated SQS looks empty while 120,000 messages are in flight", async () => {
  const fixture = await crowded("jobs.fifo");
  expect(await fixture.receive()).toEqual([]);
  await fixture.settle(ack(fixture.held));
  expect(await fixture.receive()).toHaveLength(1);
});

test("emulated SQS drops a message that was not acknowledged for 14 days", async () => {
  const fixture = emulated("sqs");
  await fixture.send("old");
  await fixture.clock.advance(DAY);
  await fixture.send("new");
  // A lease does not prolong the retention.
  const old = await fixture.receiveOne();
  await fixture.settle(release(old, 12 * HOUR));
  await fixture.send("newer");
  await fixture.clock.advance(13 * DAY);
  expect(bodies(await fixture.receive())).toEqual(["new", "newer"]);
});

test("a queue of emulated SQS whose name ends in .fifo is ordered, needs a key and an id, and has no delays", async () => {
  const fixture = emulated("sqs", { queue: "jobs.fifo" });
  expect(await fixture.driver.describe("jobs.fifo")).toMatchObject({
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
      await fixture.send(
        { orderingKey: "k" },
        { dedupId: "1" },
        { orderingKey: "k", dedupId: "1", delayMs: 1_000 },
        { orderingKey: "k", dedupId: "1" },
      ),
    ),
  ).toEqual(["permanent", "permanent", "permanent", "ok"]);
  expect(await fixture.driver.describe("jobs-dlq.fifo")).toMatchObject({ ordering: "by_key" });
  await expect(fixture.driver.admin.ensure("jobs", { ...spec, ordering: "by_key" })).rejects.toMatchObject({
    kind: "permanent",
    message: expect.stringContaining(".fifo"),
  });
  await expect(fixture.driver.admin.ensure("jobs.fifo", { ...spec, ordering: "none" })).rejects.toMatchObject(
    {
      kind: "permanent",
      message: expect.stringContaining("by_key"),
    },
  );
});

test("emulated SQS caps the delivery limit at 1,000 and refuses a lease of 13 hours", async () => {
  const { driver } = emulated("sqs");
  await driver.admin.ensure("jobs", { ...spec, brokerMaxDeliveries: 1_001 });
  expect((await driver.describe("jobs")).brokerMaxDeliveries).toBe(1_000);
  const source = driver.open("jobs", { prefetch: 1, leaseMs: 13 * HOUR });
  await expect(source.next(1, never)).rejects.toMatchObject({ kind: "permanent" });
});
