import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { PermanentError, RetryAfterError } from "../../src/errors.ts";
import { jobs, leftIn, startServiceBusBed, until, work } from "../support/service-bus-bed.ts";

const { server, freshQueue, connect } = await startServiceBusBed();

const DEDUP = { duplicateDetectionWindowMs: 60_000 };

// What is not answered is waited for, mostly for ten seconds: they wait together.
describe.concurrent("an answer that never comes", () => {
  test("to an acknowledgement: the message is gone, and was handled once", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.dropSettlementAnswers(name, 2);
    await queue.sendBatch(name, jobs(5));
    const working = work(queue, name);
    await until("all have run", () => working.runs >= 5);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1, 1, 1, 1, 1]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to an acknowledgement, and to the one by its lock token: the same", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.failSettlements(name, 1);
    await server.dropRequestAnswers(name, "update-disposition", 1);
    await queue.sendBatch(name, jobs(3));
    const working = work(queue, name);
    await until("all have run", () => working.runs >= 3);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1, 1, 1]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a dead letter: it is one, once", async () => {
    const name = await freshQueue();
    const queue = connect();
    await server.dropSettlementAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0 });
    const working = work(queue, name, async () => {
      throw new PermanentError("never");
    });
    await until("it has run", () => working.runs >= 1);
    // The answer is waited for ten seconds, then it is asked again.
    await working.stop();
    expect(working.runs).toBe(1);
    expect(await leftIn(queue, name)).toBe(0);
    expect(await queue.deadLetters(name).list()).toMatchObject([{ info: { reason: "permanent_error" } }]);
  });

  test("to a message that is given back: it comes again, once", async () => {
    const name = await freshQueue({ requiresSession: true });
    const queue = connect();
    await server.dropSettlementAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0, orderingKey: "a" });
    const attempts: number[] = [];
    const working = work(queue, name, async (_message, { attempt }) => {
      attempts.push(attempt);
      if (attempts.length === 1) throw new RetryAfterError(100);
    });
    await until("it has run again", () => working.runs >= 2);
    await working.stop();
    expect(attempts).toEqual([1, 2]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test.each([
    ["renew-lock", false],
    ["renew-session-lock", true],
  ] as const)("to a %s: it is asked again, before the lock ends", async (operation, requiresSession) => {
    // Asked for at a third of its time, given up a third later, there is a sixth left to ask again in.
    const name = await freshQueue({ lockDurationMs: 30_000, requiresSession });
    const queue = connect();
    await server.dropRequestAnswers(name, operation, 1);
    await queue.send(name, { type: "job", payload: 0, ...(requiresSession ? { orderingKey: "a" } : {}) });
    const working = work(queue, name, () => sleep(38_000));
    await until("it has run", () => working.runs >= 1, 90_000);
    await working.stop();
    expect([...working.handled.values()]).toEqual([1]);
    expect(working.events.filter(({ event }) => event === "lease_lost")).toEqual([]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a send: it is sent again under its id, and is there once", async () => {
    const name = await freshQueue(DEDUP);
    const queue = connect();
    await server.dropSendAnswers(name, 1);
    await queue.send(name, { type: "job", payload: 0 });
    const working = work(queue, name);
    await until("it has run", () => working.runs >= 1);
    await sleep(1_000);
    await working.stop();
    expect(working.runs).toBe(1);
  });

  test("to a retry's clone: it is sent again under its id, and runs once", async () => {
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
    await until("the clone has run", () => working.runs >= 2);
    await until("its original is gone", async () => (await leftIn(queue, name)) === 0);
    await working.stop();
    expect(attempts).toEqual([1, 2]);
    expect(await leftIn(queue, name)).toBe(0);
  });

  test("to a schedule: it is scheduled again under its id, and is there once", async () => {
    const name = await freshQueue(DEDUP);
    const queue = connect();
    await server.dropRequestAnswers(name, "schedule-message", 1);
    await queue.sendDelayed(name, { type: "job", payload: 0 }, 12_000, { cancellable: true });
    const working = work(queue, name);
    await until("it has run", () => working.runs >= 1);
    await sleep(1_000);
    await working.stop();
    expect(working.runs).toBe(1);
  });

  test("to a cancellation: it is asked again, and the message never comes", async () => {
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

test.concurrent("renewals that are refused for a while are asked for again", async () => {
  const name = await freshQueue({ lockDurationMs: 20_000 });
  const queue = connect();
  await server.failRequests(name, "renew-lock", 1);
  await queue.send(name, { type: "job", payload: 0 });
  const working = work(queue, name, () => sleep(28_000));
  await until("it has run", () => working.runs >= 1, 90_000);
  await working.stop();
  expect(working.runs).toBe(1);
  expect(await leftIn(queue, name)).toBe(0);
});

test("settlements that are refused for a while are made by lock token", async () => {
  const name = await freshQueue();
  const queue = connect();
  await queue.sendBatch(name, jobs(3));
  await server.failSettlements(name, 2);
  const before = await server.stats();
  const working = work(queue, name);
  await until("they run", () => working.runs === 3);
  await working.stop();
  expect((await server.stats()).managementRequests).toBeGreaterThanOrEqual(before.managementRequests + 2);
  expect(working.runs).toBe(3);
});
