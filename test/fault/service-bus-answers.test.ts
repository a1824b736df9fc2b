import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import { startServiceBusFixture } from "../support/service-bus-fixture.ts";
import { jobs, leftIn, until, work } from "../support/work.ts";

const { server, freshQueue, connect } = await startServiceBusFixture();

const DEDUP = { duplicateDetectionWindowMs: 60_000 };

// Concurrent, because each test waits for a timeout, most of them for ten seconds.
describe.concurrent("without an answer", () => {
  test("to an acknowledgement, the message is removed and was handled once", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.dropSettlementAnswers(name, 2);
    await queue.sendBatch(name, jobs(5));
    const working = work(queue, name);
    await until("all messages have run", () => working.runs >= 5);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1, 1, 1, 1, 1]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to an acknowledgement on the link and to the one by lock token, the message is removed and was handled once", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.failSettlements(name, 1);
    await server.dropRequestAnswers(name, "update-disposition", 1);
    await queue.sendBatch(name, jobs(3));
    const working = work(queue, name);
    await until("all messages have run", () => working.runs >= 3);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1, 1, 1]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a dead-letter request, the message is dead-lettered once", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.dropSettlementAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0 });
    const working = work(queue, name, async () => {
      throw new PermanentError("never");
    });
    await until("the message has run", () => working.runs >= 1);
    // The settlement times out after ten seconds, and is repeated.
    await working.stop();
    expect(working.runs).toBe(1);
    expect(await leftIn(queue, name)).toBe(0);
    expect(await queue.deadLetters(name).list()).toMatchObject([{ info: { reason: "permanent_error" } }]);
  });

  test("to a release, the message is delivered once more", async () => {
    const name = await freshQueue({ requiresSession: true });
    const queue = connect();
    await server.dropSettlementAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0, orderingKey: "a" });
    const attempts: number[] = [];
    const working = work(queue, name, async (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempts.length === 1) throw new RetryAfterError(100);
    });
    await until("the message has run again", () => working.runs >= 2);
    await working.stop();
    expect(attempts).toEqual([1, 2]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test.each([
    ["renew-lock", false],
    ["renew-session-lock", true],
  ] as const)("to a %s, the renewal is repeated before the lock ends", async (operation, requiresSession) => {
    // The renewal starts after a third of the lock time and times out a third later. A sixth is left to repeat it.
    const name = await freshQueue({ lockDurationMs: 30_000, requiresSession });
    const queue = connect();
    await server.dropRequestAnswers(name, operation, 1);
    await queue.send(name, { type: "job", payload: 0, ...(requiresSession ? { orderingKey: "a" } : {}) });
    const working = work(queue, name, () => sleep(38_000));
    await until("the message has run", () => working.runs >= 1, 90_000);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1]);
    expect(working.events.filter(({ event }) => event === "lease_lost")).toEqual([]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a send, the message is sent again under its id and is stored once", async () => {
    const name = await freshQueue(DEDUP);
    const queue = connect();
    await server.dropSendAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0 });
    const working = work(queue, name);
    await until("the message has run", () => working.runs >= 1);
    await sleep(1_000);
    await working.stop();
    expect(working.runs).toBe(1);
  });

  test("to the send of a retry's copy, the copy is sent again under its id and runs once", async () => {
    const name = await freshQueue(DEDUP);
    const queue = connect();
    await queue.send(name, { type: "job", payload: 0 });
    const attempts: number[] = [];
    const working = work(queue, name, async (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempt > 1) return;
      await server.dropSendAnswers(name, 1);
      throw new RetryAfterError(100);
    });
    await until("the copy has run", () => working.runs >= 2);
    await until("the original is removed", async () => (await leftIn(queue, name)) === 0);
    await working.stop();
    expect(attempts).toEqual([1, 2]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a schedule request, the message is scheduled again under its id and is stored once", async () => {
    const name = await freshQueue(DEDUP);
    const queue = connect();
    await server.dropRequestAnswers(name, "schedule-message", 1);
    await queue.sendDelayed(name, { type: "job", payload: 0 }, 12_000, { cancellable: true });
    const working = work(queue, name);
    await until("the message has run", () => working.runs >= 1);
    await sleep(1_000);
    await working.stop();
    expect(working.runs).toBe(1);
  });

  test("to a cancellation, the cancellation can be repeated and the message is never delivered", async () => {
    const name = await freshQueue();
    const queue = connect();
    const { handle = "" } = await queue.sendDelayed(name, { type: "job", payload: 0 }, 60_000, {
      cancellable: true,
    });
    await server.dropRequestAnswers(name, "cancel-scheduled-message", 1);
    await expect(queue.cancel(handle)).rejects.toMatchObject({ retryable: true });
    expect(await queue.cancel(handle)).toBe(false);
    expect(await queue.stats(name)).toMatchObject({ backlog: 0, delayed: 0 });
  });
});

test.concurrent("a renewal that is refused once is repeated before the lock ends", async () => {
  const name = await freshQueue({ lockDurationMs: 20_000 });
  const queue = connect();
  await server.failRequests(name, "renew-lock", 1);
  await queue.send(name, { type: "job", payload: 0 });
  const working = work(queue, name, () => sleep(28_000));
  await until("the message has run", () => working.runs >= 1, 90_000);
  await working.stop();
  expect(working.runs).toBe(1);
  expect(await leftIn(queue, name)).toBe(0);
});

test("a settlement that is refused on its link is repeated by lock token", async () => {
  const name = await freshQueue();
  const queue = connect();
  await queue.sendBatch(name, jobs(3));
  await server.failSettlements(name, 2);
  const before = await server.stats();
  const working = work(queue, name);
  await until("all messages have run", () => working.runs === 3);
  await working.stop();
  expect((await server.stats()).managementRequests).toBeGreaterThanOrEqual(before.managementRequests + 2);
  expect(working.runs).toBe(3);
});
