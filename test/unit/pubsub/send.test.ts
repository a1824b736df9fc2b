import { afterEach, beforeEach, expect, test } from "vitest";
import { publish } from "../../../adapters/pubsub/send.ts";
import type { Outgoing, SendResult } from "../../../src/driver/index.ts";
import { grpcError, type Request, StubService } from "./support.ts";

const TOPIC = "projects/p/topics/jobs";
const never = new AbortController().signal;
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
  return publish(stub.clients, TOPIC, ordered, complete, never);
}

function kinds(results: readonly SendResult[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

test("all in one request", async () => {
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
    // What is left of nine seconds when it leaves.
    timeoutMs: expect.closeTo(9_000, -4),
  });
});

test("a large request has time for a slow connection, and ends within the send's own deadline", async () => {
  await send(false, { body: Buffer.alloc(9_437_184) });
  const { timeoutMs } = stub.requests[0] as Request;
  expect(timeoutMs).toBeGreaterThan(20_000);
  expect(timeoutMs).toBeLessThan(30_000);
});

test("a request for each key, the results where their messages were", async () => {
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

test("keys are left out where nobody keeps order: they would only multiply the requests", async () => {
  await send(false, { orderingKey: "a" }, { orderingKey: "b" });
  expect(stub.requests).toHaveLength(1);
  expect(stub.fields("publish", "messages")).toEqual([
    [expect.not.objectContaining({ orderingKey: "a" }), expect.anything()],
  ]);
});

test("what the service would refuse, and the emulator takes, is refused alone", async () => {
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

test("a message that the answer does not mention may be stored or not", async () => {
  stub.answers["publish"] = () => ({ messageIds: ["1"] });
  expect(kinds(await send(false, {}, {}))).toEqual(["ok", "ambiguous"]);
});

test("a lost answer is ambiguous for all of its request", async () => {
  for (const code of [2, 4, 13, 14]) {
    stub.answers["publish"] = () => grpcError(code);
    expect(kinds(await send(false, {}, {}))).toEqual(["ambiguous", "ambiguous"]);
  }
  // By the library, which would store them twice in silence, none of it was made again.
  expect(stub.requests).toHaveLength(4);
});
