import { afterEach, beforeEach, expect, test } from "vitest";
import { deliveryOf } from "../../../adapters/pubsub/delivery.ts";
import { settleBatch } from "../../../adapters/pubsub/settle.ts";
import type { Delivery, Operation, SettleResult } from "../../../src/driver/index.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { grpcError, StubService } from "./support.ts";

let stub: StubService;
let clock: FakeClock;
beforeEach(async () => {
  stub = await StubService.start();
  clock = new FakeClock();
});
afterEach(() => stub[Symbol.asyncDispose]());

function delivery(ackId: string): Delivery {
  return deliveryOf({ ackId, message: { messageId: ackId } }, clock.monotonic() + 30_000, false);
}

function settle(...operations: Operation[]): Promise<SettleResult[]> {
  return settleBatch({ clients: stub.clients, subscription: "s", clock }, operations);
}

function kinds(results: readonly SettleResult[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

const ack = (ackId: string): Operation => ({ kind: "ack", delivery: delivery(ackId) });
const release = (ackId: string, delayMs: number): Operation => ({
  kind: "release",
  delivery: delivery(ackId),
  delayMs,
});

test("acknowledgements share one request, and changes of the same time another", async () => {
  const extend: Operation = { kind: "extend", delivery: delivery("e"), leaseMs: 30_000 };
  const results = await settle(
    ack("a"),
    release("r", 0),
    ack("b"),
    release("s", 2_001),
    extend,
    release("t", 3_000),
  );
  expect(kinds(results)).toEqual(Array.from({ length: 6 }, () => "ok"));
  expect(results[4]).toEqual({ ok: true, leaseUntil: clock.now() + 30_000 });
  expect(stub.fields("acknowledge", "ackIds")).toEqual([["a", "b"]]);
  const changes = stub.requests.filter(({ method }) => method === "modifyAckDeadline");
  expect(
    new Set(changes.map(({ request }) => [request["ackDeadlineSeconds"] ?? 0, request["ackIds"]])),
  ).toEqual(
    new Set([
      [0, ["r"]],
      [3, ["s", "t"]],
      [30, ["e"]],
    ]),
  );
});

test("a lease is rounded up to whole seconds, from 10 to 600", async () => {
  for (const leaseMs of [1, 10_001, 900_000])
    await settle({ kind: "extend", delivery: delivery("e"), leaseMs });
  expect(stub.fields("modifyAckDeadline", "ackDeadlineSeconds")).toEqual([10, 11, 600]);
});

test("a release of more than 600 seconds is refused", async () => {
  expect(kinds(await settle(release("a", 600_000), release("b", 600_001)))).toEqual(["ok", "permanent"]);
  expect(stub.fields("modifyAckDeadline", "ackIds")).toEqual([["a"]]);
});

test("dead-lettering on request is refused", async () => {
  const operation: Operation = {
    kind: "dead_letter",
    delivery: delivery("a"),
    reason: "",
    description: "",
    attributes: {},
  };
  expect(kinds(await settle(operation))).toEqual(["permanent"]);
});

test("only the ids that an exactly-once subscription reports have failed", async () => {
  stub.answers["acknowledge"] = () =>
    grpcError(3, { b: "PERMANENT_FAILURE_INVALID_ACK_ID", c: "TRANSIENT_FAILURE_UNORDERED_ACK_ID" });
  expect(kinds(await settle(ack("a"), ack("b"), ack("c"), ack("d")))).toEqual([
    "ok",
    "lease_lost",
    "transient",
    "ok",
  ]);
});

test("a second ack of a delivery makes no request", async () => {
  const operation = ack("a");
  await settle(operation);
  stub.answers["acknowledge"] = () => grpcError(3, { a: "PERMANENT_FAILURE_INVALID_ACK_ID" });
  expect(kinds(await settle(operation))).toEqual(["ok"]);
  expect(stub.requests).toHaveLength(1);
});

test("an invalid id that fails a whole request is found and fails alone", async () => {
  stub.answers["acknowledge"] = ({ request }) =>
    (request["ackIds"] as string[]).includes("d") ? grpcError(3) : {};
  const results = await settle(...Array.from("abcdefgh", (id) => ack(id)));
  expect(kinds(results)).toEqual(["ok", "ok", "ok", "lease_lost", "ok", "ok", "ok", "ok"]);
});

test("a request that fails as a whole fails only its own operations", async () => {
  stub.answers["modifyAckDeadline"] = () => grpcError(14);
  expect(kinds(await settle(ack("a"), release("b", 0)))).toEqual(["ok", "ambiguous"]);
  // The library made no second request.
  expect(stub.fields("modifyAckDeadline", "ackIds")).toHaveLength(1);
});

test("a lease that has ended is neither extended, released nor acknowledged, since another receiver may have the message", async () => {
  const [late, later] = [release("a", 5_000), ack("b")];
  await clock.advance(30_000);
  expect(kinds(await settle(late, later))).toEqual(["lease_lost", "lease_lost"]);
  expect(stub.requests).toEqual([]);
});
