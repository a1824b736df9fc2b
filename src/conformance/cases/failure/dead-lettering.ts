import { DriverError } from "../../../driver/error.ts";
import { PermanentError, RetryAfterError } from "../../../errors.ts";
import type { ReceiveOptions } from "../../../queue/receive.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { COPY_RETRY_MS } from "../../kit/copies.ts";
import { expectInfo, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectEqual, expectWithin } from "../../kit/expect.ts";
import { failSome, killOnSend, killOnSettle } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";

const usedUp = defineCase({
  requirement: "failure.backoff",
  name: "a job whose attempts are used up is dead-lettered with reason, error, attempts, queue and time",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect({ backoff: { baseMs: 0 } });
    const inbox = context.inbox();
    const message = { ...job({ order: 7 }), headers: { tenant: "t-1" }, maxAttempts: 3 };
    let lastRunAt = 0;
    const handler = inbox.handler(({ at }) => {
      lastRunAt = at;
      throw new TypeError("the printer is on fire");
    });

    const { id } = await client.queue.send(queue, message);
    const receiver = client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 3);
    const deadLetter = await waitForDeadLetter(context, client, queue);
    await receiver.stop();

    expectEqual("attempts", inbox.attempts(id), [1, 2, 3]);
    expectInfo(deadLetter, {
      reason: "max_attempts",
      error: "TypeError: the printer is on fire",
      attempts: 3,
      source: queue,
    });
    expectWithin("the time of the dead letter", deadLetter.info.at.getTime(), lastRunAt, context.now());
    const got = deadLetter.message;
    const fields = { id: got?.id, type: got?.type, payload: got?.payload, maxAttempts: got?.maxAttempts };
    expectEqual("the message", fields, { id, type: "job", payload: { order: 7 }, maxAttempts: 3 });
    expectEqual("headers", { ...got?.headers }, message.headers);
    expectEqual("firstSeenAt", deadLetter.info.firstSeenAt, got?.createdAt);
    await context.expectEmpty(queue);
  },
});

const permanent = defineCase({
  requirement: "failure.outright",
  name: "a job that throws a permanent error is dead-lettered at once",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect({ backoff: { baseMs: 0 } });
    const inbox = context.inbox();

    const { id } = await client.queue.send(queue, job());
    const receiver = client.receive(queue, inbox.failing(new PermanentError("the account is gone")));
    const deadLetter = await waitForDeadLetter(context, client, queue);
    await receiver.stop();

    await context.expectEmpty(queue);
    expectEqual("attempts", inbox.attempts(id), [1]);
    expectInfo(deadLetter, {
      reason: "permanent_error",
      error: "PermanentError: the account is gone",
      attempts: 1,
      source: queue,
    });
  },
});

const stands = defineCase({
  requirement: "failure.outright",
  name: "a job whose dead letter cannot be sent does not run again, and is dead-lettered when it can",
  skip: ({ traits }) => (traits.deadLetter === "native" ? "the broker moves dead letters itself" : undefined),
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const other = await context.connect();
    const inbox = context.inbox();
    const { deadLetterQueue } = await client.driver.describe(queue);
    const error = new DriverError("auth", "no dead letters now");
    let refusals = 0;
    client.interceptors.send = (to, messages, pass) =>
      failSome(messages, () => to === deadLetterQueue && (refusals += 1) > 0, error, pass);

    const { id } = await client.queue.send(queue, job());
    const receiver = client.receive(queue, inbox.failing(new PermanentError("never")));
    await context.waitUntil("the refusal of the dead letter", () => refusals > 0);
    await receiver.stop();
    const next = other.receive(queue, inbox.failing(new PermanentError("never")));
    await context.pass(COPY_RETRY_MS);
    const deadLetter = await waitForDeadLetter(context, other, queue);
    await next.stop();

    expectEqual("attempts", inbox.attempts(id), [1]);
    expectInfo(deadLetter, { reason: "permanent_error", error: "PermanentError: never", attempts: 1 });
    await context.expectEmpty(queue);
  },
});

const retryAfter = defineCase({
  requirement: "failure.outright",
  name: "a job that throws a retry-after error is retried after that delay, and uses up an attempt",
  async run(context) {
    const delayMs = 2 * context.timing.unitMs;
    const hourMs = 3_600_000;
    const queue = await context.makeQueue({ maxAttempts: 2 });
    const client = await context.connect({ backoff: { baseMs: hourMs, capMs: hourMs, jitter: false } });
    const inbox = context.inbox();
    const handler = inbox.failing(new RetryAfterError(delayMs, "the service asks for patience"));

    const { id } = await client.queue.send(queue, { ...job(), maxAttempts: 2 });
    client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 2, delayMs + context.timing.patienceMs);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectEqual("attempts", inbox.attempts(id), [1, 2]);
    const [first, second] = inbox.of(id);
    context.expectOnTime("the second run", second!.at, first!.at + delayMs);
    expectInfo(deadLetter, { reason: "max_attempts", attempts: 2 });
  },
});

const refused = defineCase({
  requirement: "failure.backoff",
  name: "a job whose dead letter cannot be written stays in the queue, and does not run again",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const error = new DriverError("permanent", "no dead letters now");
    const { delayQueue } = await client.driver.describe(queue);
    let [fails, refusals, isMoved] = [true, 0, false];
    const refuses = (isDeadLetter: boolean): boolean => {
      if (fails && isDeadLetter) refusals += 1;
      return fails && isDeadLetter;
    };
    client.interceptors.send = (to, messages, pass) =>
      failSome(messages, () => refuses(to !== queue && to !== delayQueue), error, pass);
    client.interceptors.settle = (_queue, operations, pass) =>
      failSome(operations, ({ kind }) => refuses(kind === "dead_letter"), error, pass);

    const { id } = await client.queue.send(queue, job());
    const onEvent: NonNullable<ReceiveOptions["onEvent"]> = ({ event }) => {
      isMoved ||= event === "dead_lettered";
    };
    client.receive(queue, inbox.failing(new PermanentError("never")), { onEvent });
    const waitMs = COPY_RETRY_MS + context.leaseMs + context.timing.patienceMs;
    await context.waitUntil("the second refusal", () => refusals >= 2, waitMs);
    fails = false;
    await context.waitUntil("the move", () => isMoved, 2 * waitMs);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectEqual("attempts", inbox.attempts(id), [1]);
    expectEqual("the id of the dead letter", deadLetter.id, id);
    expectInfo(deadLetter, { reason: "permanent_error" });
  },
});

const killed = defineCase({
  requirement: "failure.backoff",
  name: "a process that is killed while it writes a dead letter loses no message",
  async run(context) {
    const queue = await context.makeQueue();
    const doomed = await context.connect();
    const { id } = await doomed.queue.send(queue, job());
    const handler = context.inbox().failing(new PermanentError("never"));
    killOnSend(doomed);
    killOnSettle(doomed, "dead_letter");

    doomed.receive(queue, handler, { concurrency: 1 });
    await context.waitUntil("the kill", () => doomed.isKilled);
    const client = await context.connect();
    client.receive(queue, handler);
    const deadLetter = await waitForDeadLetter(context, client, queue);

    expectEqual("the id of the dead letter", deadLetter.id, id);
    expectInfo(deadLetter, { reason: "permanent_error" });
  },
});

export const deadLetteringCases: readonly ConformanceCase[] = [
  usedUp,
  permanent,
  stands,
  retryAfter,
  refused,
  killed,
];
