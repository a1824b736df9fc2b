import { DriverError } from "../../../driver/error.ts";
import { RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { COPY_RETRY_MS, expectSurvives } from "../../kit/copies.ts";
import { expectEqual } from "../../kit/expect.ts";
import { failSome, killOnSend, killOnSettle } from "../../kit/interceptors.ts";
import { job } from "../../kit/messages.ts";
import { needsCopies } from "../../kit/skips.ts";

const refused = defineCase({
  requirement: "acknowledgement.nack",
  name: "a message whose retry copy is refused by the provider stays in the queue",
  skip: needsCopies,
  async run(context) {
    const queue = await context.makeQueue({ maxAttempts: 8 });
    const client = await context.connect({ limits: { maxReleaseDelayMs: 0 } });
    const inbox = context.inbox();
    const { id } = await client.queue.send(queue, { ...job(), maxAttempts: 8 });
    const error = new DriverError("permanent", "no copies now");
    let [copies, refusals] = [0, 0];
    client.interceptors.send = async (_queue, messages, pass) => {
      const results = await failSome(messages, () => (copies += 1) <= 1, error, pass);
      refusals += results.filter(({ ok }) => !ok).length;
      return results;
    };
    const handler = inbox.handler(() => {
      if (copies === 0) throw new RetryAfterError(context.timing.unitMs);
    });

    const receiver = client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 2, COPY_RETRY_MS + context.timing.patienceMs);
    await receiver.stop();

    expectEqual("copies that were refused", refusals, 1);
    expectEqual("runs", inbox.count(id), 2);
    await context.expectEmpty(queue);
  },
});

const killedWhileSending = defineCase({
  requirement: "acknowledgement.nack",
  name: "a process that is killed while it sends a retry copy loses no message",
  skip: needsCopies,
  async run(context) {
    const queue = await context.makeQueue();
    const doomed = await context.connect({ limits: { maxReleaseDelayMs: 0 } });
    const { id } = await doomed.queue.send(queue, job());
    killOnSend(doomed);
    const retries = context.inbox().failing(new RetryAfterError(context.timing.unitMs));

    doomed.receive(queue, retries, { concurrency: 1 });
    await context.waitUntil("the kill", () => doomed.isKilled);

    await expectSurvives(context, queue, id, 1);
  },
});

const killedBeforeAck = defineCase({
  requirement: "acknowledgement.nack",
  name: "a process that is killed between a retry copy and the acknowledgement leaves one or two messages",
  skip: needsCopies,
  async run(context) {
    const queue = await context.makeQueue();
    const doomed = await context.connect({ limits: { maxReleaseDelayMs: 0 } });
    const { id } = await doomed.queue.send(queue, job());
    killOnSettle(doomed, "ack");
    const retries = context.inbox().failing(new RetryAfterError(context.timing.unitMs));

    doomed.receive(queue, retries, { concurrency: 1 });
    await context.waitUntil("the kill", () => doomed.isKilled);

    await expectSurvives(context, queue, id, 2);
  },
});

/** The provider accepts a copy before the message is acknowledged: a fault in between leaves one message or both. */
export const copyCases: readonly ConformanceCase[] = [refused, killedWhileSending, killedBeforeAck];
