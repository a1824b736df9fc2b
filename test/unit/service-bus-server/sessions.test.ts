import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import type { SessionHolder } from "../../../servers/service-bus/broker/sessions.ts";
import { clientOf, consumer, newNamespace, sentMessage, startServer, take } from "./fixture.ts";

const clock = new FakeClock();
const { client, server } = await startServer({
  clock,
  queues: [
    { name: "ordered", requiresSession: true },
    { name: "short", requiresSession: true, lockDurationMs: 500 },
    { name: "waited", requiresSession: true },
    "plain",
  ],
});

const options = { maxAutoLockRenewalDurationInMs: 0 };

test("each session is received by one receiver at a time, in order", async () => {
  const sender = client.createSender("ordered");
  await sender.sendMessages(["a1", "b1", "a2"].map((body) => ({ body, sessionId: body[0]! })));
  const first = await client.acceptNextSession("ordered", options);
  const second = await client.acceptNextSession("ordered", options);
  expect([first.sessionId, second.sessionId]).toEqual(["a", "b"]);
  await expect(client.acceptSession("ordered", "a", options)).rejects.toMatchObject({
    code: "SessionCannotBeLocked",
  });
  const messages = await take(first, 2);
  expect(messages.map(({ body }) => body as string)).toEqual(["a1", "a2"]);
  await first.completeMessage(messages[0]!);
  await first.close();
  const again = await client.acceptSession("ordered", "a", options);
  const [left] = await take(again, 1);
  // A session that is closed does not count as a failed delivery of its locked messages, as Microsoft documents:
  // https://learn.microsoft.com/azure/service-bus-messaging/message-sessions (2021-04-01).
  expect([left?.body, left?.deliveryCount]).toEqual(["a2", 0]);
  await again.close();
  await second.close();
});

test("a queue with sessions refuses messages and receivers without a session, and a plain queue refuses session receivers", async () => {
  await expect(client.createSender("ordered").sendMessages({ body: "a" })).rejects.toThrow(
    /SessionId was not set/,
  );
  await expect(client.acceptSession("plain", "a", options)).rejects.toMatchObject({
    code: "SessionCannotBeLocked",
  });
  const failure = Promise.withResolvers<Error>();
  const receiver = client.createReceiver("ordered");
  receiver.subscribe({
    processMessage: async () => {},
    processError: async ({ error }) => failure.resolve(error),
  });
  expect((await failure.promise).message).toMatch(/requires sessions/);
  await receiver.close();
});

test("a session lock can be renewed, and a session lock that expires releases the messages of the session", async () => {
  await client.createSender("short").sendMessages({ body: "a", sessionId: "a" });
  const receiver = await client.acceptNextSession("short", options);
  const [message] = await take(receiver, 1);
  await clock.advance(300);
  expect((await receiver.renewSessionLock()).getTime()).toBe(clock.now() + 500);
  await clock.advance(500);
  await expect(receiver.completeMessage(message!)).rejects.toMatchObject({ code: "SessionLockLost" });
  const next = await client.acceptNextSession("short", options);
  const [again] = await take(next, 1);
  expect(again?.deliveryCount).toBe(1);
  await next.completeMessage(again!);
  await next.close();
});

test("accepting the next session waits for messages until a timeout", async () => {
  const hasty = clientOf(server, 2_000);
  await expect(hasty.acceptNextSession("waited", options)).rejects.toMatchObject({
    code: "ServiceTimeout",
  });
  const accepting = client.acceptNextSession("waited", options);
  await sleep(100);
  await client.createSender("waited").sendMessages({ body: "a", sessionId: "late" });
  const receiver = await accepting;
  expect(receiver.sessionId).toBe("late");
  await receiver.setSessionState({ at: 7 });
  expect(await receiver.getSessionState()).toEqual({ at: 7 });
  await hasty.close();
  await receiver.close();
});

test("a session that is released while several receivers wait is locked by exactly one of them", () => {
  const namespace = newNamespace();
  const { entity } = namespace.create({ name: "q", requiresSession: true });
  const sessions = entity.sessions!;
  const holder = (): SessionHolder => ({ ...consumer, lost() {} });
  const first = holder();
  entity.enqueue([sentMessage("a1", "a"), sentMessage("a2", "a")]);
  sessions.acceptNext(first, () => sessions.pump("a"));
  sessions.pump("a");
  const taken: string[] = [];
  sessions.acceptNext(holder(), (session) => void taken.push(`second ${session}`));
  sessions.acceptNext(holder(), (session) => void taken.push(`third ${session}`));
  sessions.release("a", first, true);
  sessions.acceptNext(holder(), (session) => void taken.push(`fourth ${session}`));
  expect(taken).toEqual(["second a"]);
});
