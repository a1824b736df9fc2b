import { afterEach, beforeEach, expect, test } from "vitest";
import { deliveryOf } from "../../../adapters/pubsub/delivery.ts";
import { publish } from "../../../adapters/pubsub/send.ts";
import type { Outgoing, SendResult } from "../../../src/driver/index.ts";
import { grpcError, type Request, StubService } from "./support.ts";

const TOPIC = "projects/p/topics/jobs";
let stub: StubService;
beforeEach(async () => {
  stub = await StubService.start();
  let id = 0;
  stub.answers["publish"] = ({ request }) => ({
    messageIds: (request["messages"] as unknown[]).map(() => String((id += 1))),
  });
});
afterEach(() => stub[Symbol.asyncDispose]());

function send(ordered: boolean, ...messages: Partial<Outgoing>[]): Promise<SendResult[]> {
  const complete = messages.map((one) => ({ body: "{}", attributes: {}, delayMs: 0, ...one }));
  return publish(stub.clients, TOPIC, ordered, complete);
}

function kinds(results: readonly SendResult[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

test("messages without a key share one request", async () => {
  const results = await send(
    false,
    { body: "a" },
    { body: Buffer.from("b") },
    { attributes: { type: "job" } },
  );
  expect(results.map((result) => result.ok && result.brokerId)).toEqual(["1", "2", "3"]);
  expect(stub.requests).toHaveLength(1);
  expect(stub.requests[0]).toMatchObject({
    method: "publish",
    request: { topic: TOPIC },
    // The rest of nine seconds at the time of the request.
    timeoutMs: expect.closeTo(9_000, -4),
  });
});

test("the time limit of a large request grows with its size, up to the deadline of the send", async () => {
  await send(false, { body: Buffer.alloc(9_437_184) });
  const { timeoutMs } = stub.requests[0] as Request;
  expect(timeoutMs).toBeGreaterThan(20_000);
  expect(timeoutMs).toBeLessThan(30_000);
});

test("messages of each key have a request of their own, and results keep the order of the messages", async () => {
  stub.answers["publish"] = ({ request }) => {
    const messages = request["messages"] as { data: Buffer; orderingKey?: string }[];
    if (messages[0]?.orderingKey === "b") return grpcError(10);
    return { messageIds: messages.map(({ data }) => `id-${data.toString()}`) };
  };
  const results = await send(
    true,
    { body: "1", orderingKey: "a" },
    { body: "2", orderingKey: "b" },
    { body: "3" },
    { body: "4", orderingKey: "a" },
  );
  expect(kinds(results)).toEqual(["ok", "transient", "ok", "ok"]);
  expect(results.map((result) => result.ok && result.brokerId)).toEqual(["id-1", false, "id-3", "id-4"]);
  expect(stub.requests).toHaveLength(3);
});

test("keys are left out if the subscription keeps no order", async () => {
  await send(false, { orderingKey: "a" }, { orderingKey: "b" });
  expect(stub.requests).toHaveLength(1);
  expect(stub.fields("publish", "messages")).toEqual([
    [expect.not.objectContaining({ orderingKey: "a" }), expect.anything()],
  ]);
});

test("a message that the service would refuse fails alone", async () => {
  const results = await send(
    true,
    { attributes: { "": "x" } },
    { attributes: { ["n".repeat(257)]: "x" } },
    { attributes: { googclient: "x" } },
    { body: "" },
    { orderingKey: "k".repeat(1_025) },
    { delayMs: 1 },
    { body: "", attributes: { type: "job" }, orderingKey: "k".repeat(1_024) },
  );
  expect(kinds(results)).toEqual([...Array.from({ length: 6 }, () => "permanent"), "ok"]);
});

test("a message that the answer does not mention is ambiguous", async () => {
  stub.answers["publish"] = () => ({ messageIds: ["1"] });
  expect(kinds(await send(false, {}, {}))).toEqual(["ok", "ambiguous"]);
});

test("a lost answer is ambiguous for every message of its request", async () => {
  for (const code of [2, 4, 13, 14]) {
    stub.answers["publish"] = () => grpcError(code);
    expect(kinds(await send(false, {}, {}))).toEqual(["ambiguous", "ambiguous"]);
  }
  // The library made no second request, which would store the messages twice.
  expect(stub.requests).toHaveLength(4);
});

test("a copy of a message with a key, from a subscription that keeps no order, is published with that key", async () => {
  const received = { ackId: "a", message: { messageId: "1", orderingKey: "customer-7", data: "e30=" } };
  const delivery = deliveryOf(received, 0, false);
  expect(delivery.orderingKey).toBeUndefined();
  const results = await send(false, { native: delivery.native }, {});
  expect(kinds(results)).toEqual(["ok", "ok"]);
  const keys = stub.requests.flatMap(({ request }) =>
    (request["messages"] as { orderingKey?: string }[]).map(({ orderingKey = "" }) => orderingKey),
  );
  expect(keys.toSorted()).toEqual(["", "customer-7"]);
  expect(deliveryOf(received, 0, true)).toMatchObject({ orderingKey: "customer-7", native: undefined });
});
