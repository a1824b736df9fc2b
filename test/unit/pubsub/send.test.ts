import { beforeEach, expect, test } from "vitest";
import { publish } from "../../../adapters/pubsub/send.ts";
import type { Outgoing, SendResult } from "../../../src/driver/index.ts";
import { FakeClients, grpcError, type Request } from "./support.ts";

const TOPIC = "projects/p/topics/jobs";
const never = new AbortController().signal;
let fake: FakeClients;
beforeEach(() => {
  fake = new FakeClients();
  let id = 0;
  fake.answers["publish"] = ({ request }) => ({
    messageIds: (request["messages"] as unknown[]).map(() => String((id += 1))),
  });
});

function send(ordered: boolean, ...messages: Partial<Outgoing>[]): Promise<SendResult[]> {
  const complete = messages.map((one) => ({ body: "{}", attributes: {}, delayMs: 0, ...one }));
  return publish(fake.clients, TOPIC, ordered, complete, never);
}

function kinds(results: readonly SendResult[]): string[] {
  return results.map((result) => (result.ok ? "ok" : result.error.kind));
}

test("all in one request, with the library's own retries off", async () => {
  const results = await send(
    false,
    { body: "a" },
    { body: Buffer.from("b") },
    { attributes: { type: "job" } },
  );
  expect(results.map((result) => result.ok && result.brokerId)).toEqual(["1", "2", "3"]);
  expect(fake.requests).toHaveLength(1);
  expect(fake.requests[0]).toMatchObject({
    method: "publish",
    request: { topic: TOPIC },
    options: { retry: null, timeout: expect.closeTo(9_000, -2) },
  });
});

test("a large request has time for a slow connection, and ends within the send's own deadline", async () => {
  await send(false, { body: Buffer.alloc(9_437_184) });
  const { timeout } = (fake.requests[0] as Request).options;
  expect(timeout).toBeGreaterThan(25_000);
  expect(timeout).toBeLessThan(30_000);
});

test("a request for each key, the results where their messages were", async () => {
  fake.answers["publish"] = ({ request }) => {
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
  expect(fake.requests).toHaveLength(3);
});

test("keys are left out where nobody keeps order: they would only multiply the requests", async () => {
  await send(false, { orderingKey: "a" }, { orderingKey: "b" });
  expect(fake.requests).toHaveLength(1);
  expect(fake.fields("publish", "messages")).toEqual([
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
  fake.answers["publish"] = () => ({ messageIds: ["1"] });
  expect(kinds(await send(false, {}, {}))).toEqual(["ok", "ambiguous"]);
});

test("a lost answer is ambiguous for all of its request", async () => {
  fake.answers["publish"] = () => grpcError(4);
  expect(kinds(await send(false, {}, {}))).toEqual(["ambiguous", "ambiguous"]);
});
