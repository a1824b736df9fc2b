import { ServiceBusClient } from "@azure/service-bus";
import { expect, test } from "vitest";
import { startServiceBusServer } from "../../../servers/service-bus/index.ts";
import { adminOf, clientOf, startServer, take, takeOne } from "./fixture.ts";

const { client, admin, receiver, server } = await startServer({
  queues: [
    "plain",
    "dead",
    "answers",
    { name: "ordered", requiresSession: true },
    { name: "small", maxSizeMegabytes: 1 },
  ],
});

test("a message with a property above 32 KB, or with properties above 64 KB in total, is refused", async () => {
  const sender = client.createSender("plain");
  const send = (applicationProperties: Record<string, string>): Promise<void> =>
    sender.sendMessages({ body: "a", applicationProperties });
  await send({ a: "x".repeat(32_000), b: "x".repeat(32_000) });
  await expect(send({ a: "x".repeat(33_000) })).rejects.toMatchObject({ code: "MessageSizeExceeded" });
  await expect(
    send({ a: "x".repeat(32_700), b: "x".repeat(32_700), c: "x".repeat(200) }),
  ).rejects.toMatchObject({
    code: "MessageSizeExceeded",
  });
});

test("each of several concurrent sends and settlements gets its own result", async () => {
  const sender = client.createSender("answers");
  const sizes = [1, 300_000, 1, 300_000, 300_000, 1];
  const sent = await Promise.allSettled(
    sizes.map((size) => sender.sendMessages({ body: Buffer.alloc(size) })),
  );
  expect(sent.map(({ status }) => status)).toEqual(
    sizes.map((size) => (size === 1 ? "fulfilled" : "rejected")),
  );
  const from = receiver("answers");
  const messages = await take(from, 3);
  server.faults.failSettlements("answers", 1);
  const settled = await Promise.allSettled(messages.map((message) => from.completeMessage(message)));
  expect(settled.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
});

test("messages scheduled in one request are refused if together they exceed the size of one message", async () => {
  const sender = client.createSender("plain");
  const bodies = Array.from({ length: 3 }, () => ({ body: Buffer.alloc(100_000) }));
  const at = new Date(Date.now() + 60_000);
  await expect(sender.scheduleMessages(bodies, at)).rejects.toMatchObject({ code: "MessageSizeExceeded" });
  expect(await sender.scheduleMessages(bodies.slice(1), at)).toHaveLength(2);
});

test("a scheduled message without a session id is refused by a queue with sessions", async () => {
  const at = new Date(Date.now() + 60_000);
  await expect(client.createSender("ordered").scheduleMessages({ body: "a" }, at)).rejects.toThrow(
    /SessionId was not set/,
  );
});

test("a queue that is full refuses further messages", async () => {
  const sender = client.createSender("small");
  const fill = async (): Promise<void> => {
    for (let sent = 0; sent < 10; sent += 1) await sender.sendMessages({ body: Buffer.alloc(200_000) });
  };
  await expect(fill()).rejects.toMatchObject({ code: "QuotaExceeded" });
});

test("a dead letter cannot be dead-lettered again", async () => {
  await client.createSender("dead").sendMessages({ body: Buffer.from("a") });
  const from = receiver("dead");
  await from.deadLetterMessage(await takeOne(from), {
    deadLetterReason: "once",
    deadLetterErrorDescription: "",
  });
  const deadLetters = receiver("dead", { subQueueType: "deadLetter" });
  const deadLetter = await takeOne(deadLetters);
  await expect(
    deadLetters.deadLetterMessage(deadLetter, { deadLetterReason: "twice", deadLetterErrorDescription: "" }),
  ).rejects.toThrow(/cannot be dead-lettered/);
});

test.each([
  ["lockDuration", "PT6M"],
  ["lockDuration", "PT1S"],
  ["duplicateDetectionHistoryTimeWindow", "PT1S"],
  ["duplicateDetectionHistoryTimeWindow", "P8D"],
  ["maxDeliveryCount", 2_001],
  ["maxDeliveryCount", 0],
])("the administration refuses a queue with a %s of %s", async (name, value) => {
  await expect(admin.createQueue("refused", { [name]: value })).rejects.toMatchObject({ statusCode: 400 });
  expect(await admin.queueExists("refused")).toBe(false);
});

test("a queue created in code has to respect the limits of Service Bus, except for the shortest lock", () => {
  server.createQueue({ name: "short", lockDurationMs: 100 });
  expect(() => server.createQueue({ name: "long", lockDurationMs: 300_001 })).toThrow(RangeError);
  expect(() => server.createQueue({ name: "-no-" })).toThrow(/no name for a queue/);
});

test("a server with keys refuses tokens of other keys, on links and in the administration", async () => {
  const guarded = await startServiceBusServer({ queues: ["a"], keys: { root: "secret" } });
  const right = clientOf(guarded);
  await right.createSender("a").sendMessages({ body: "a" });
  for (const [name, key] of [
    ["root", "wrong"],
    ["other", "secret"],
  ]) {
    const connectionString = guarded.connectionString
      .replace("SharedAccessKeyName=root", `SharedAccessKeyName=${name}`)
      .replace("SharedAccessKey=secret", `SharedAccessKey=${key}`);
    const wrong = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0 } });
    await expect(wrong.createSender("a").sendMessages({ body: "a" })).rejects.toMatchObject({
      code: "UnauthorizedAccess",
    });
    const denied = adminOf({ connectionString });
    await expect(denied.getQueue("a")).rejects.toMatchObject({ statusCode: 401 });
    await wrong.close();
  }
  await right.close();
  await guarded.stop();
});

test.each([
  ["that has expired", (audience: string) => signature(audience, Math.floor(Date.now() / 1_000) - 3_600)],
  ["that is malformed", () => "SharedAccessSignature nonsense"],
  ["for another queue", () => signature("sb://localhost/other", 4_000_000_000)],
])("a token %s is refused when a link attaches", async (_title, tokenOf) => {
  const token = tokenOf("sb://127.0.0.1/plain");
  const mine = new ServiceBusClient(
    `Endpoint=sb://127.0.0.1:${server.port};SharedAccessSignature=${token};UseDevelopmentEmulator=true;`,
    { retryOptions: { maxRetries: 0 } },
  );
  await expect(mine.createSender("plain").sendMessages({ body: "a" })).rejects.toMatchObject({
    code: "UnauthorizedAccess",
  });
  await mine.close();
  const right = signature("sb://127.0.0.1/plain", 4_000_000_000);
  const theirs = new ServiceBusClient(
    `Endpoint=sb://127.0.0.1:${server.port};SharedAccessSignature=${right};UseDevelopmentEmulator=true;`,
  );
  await theirs.createSender("plain").sendMessages({ body: "a" });
  await theirs.close();
});

test("a refused receiver reports the reason, and does not disturb other receivers", async () => {
  const missing = receiver("missing");
  await expect(take(missing, 1)).rejects.toMatchObject({ code: "MessagingEntityNotFound" });
  await expect(missing.peekMessages(1)).rejects.toMatchObject({ code: "MessagingEntityNotFound" });
  await expect(client.acceptNextSession("missing")).rejects.toMatchObject({
    code: "MessagingEntityNotFound",
  });
  expect((await take(receiver("plain"), 1)).length).toBe(1);
});

function signature(audience: string, expiry: number): string {
  return `SharedAccessSignature sr=${encodeURIComponent(audience)}&sig=x&se=${expiry}&skn=local`;
}
