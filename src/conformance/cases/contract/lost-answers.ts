import { defineCase, type ConformanceCase } from "../../case.ts";
import { ackOf, DirectQueue, outcomeOf, takeWithin } from "../../kit/contract.ts";
import { expectEqual } from "../../kit/expect.ts";
import { needsMute } from "../../kit/skips.ts";
import { never, takeDeliveries } from "../../kit/source.ts";

/** Time in which a request arrives at the server, in milliseconds. */
const ARRIVES_MS = 500;

const sends = defineCase({
  requirement: "contract.lost_answer",
  name: "a send whose answer is lost is ambiguous, and stores its message once",
  skip: needsMute,
  alone: true,
  async run(context) {
    const faults = context.harness.faults!;
    const queue = await DirectQueue.make(context);
    // The connection is open before answers are lost.
    await queue.sendBodies("before");

    await faults.muteAnswers!();
    const { driver, name } = queue;
    const sending = driver.send(name, [queue.outgoing("unanswered")], never).then(
      ([result]) => outcomeOf(result),
      (error: unknown) => driver.classify(error),
    );
    await context.pass(ARRIVES_MS);
    await faults.cutConnections!();
    expectEqual("the send", await context.waitFor("the send without an answer", sending), "ambiguous");

    // Time in which a driver that repeats a send would do so.
    await context.pass(2 * context.timing.unitMs);
    const other = await queue.elsewhere();
    const found = await takeWithin(context, other.open(3), 3, context.leaseMs / 2);
    expectEqual("messages in the queue after two sends", found.length, 2);
    // The first request after a cut may fail, where the driver did not notice the cut before.
    await context.waitUntil("a send after the cut", async () => {
      const message = queue.outgoing("after the cut");
      const [result] = await driver.send(name, [message], never).catch(() => []);
      return result?.ok === true;
    });
  },
});

const settlements = defineCase({
  requirement: "contract.lost_answer",
  name: "an acknowledgement whose answer is lost is ambiguous, and succeeds or is lease_lost when it is repeated",
  skip: needsMute,
  alone: true,
  async run(context) {
    const faults = context.harness.faults!;
    const queue = await DirectQueue.make(context);
    const source = queue.open(1);
    await queue.sendBodies("acknowledged");
    const [delivery] = await takeDeliveries(context, source, 1);

    await faults.muteAnswers!();
    const settling = source.settle([ackOf(delivery!)]).then(
      ([result]) => outcomeOf(result),
      (error: unknown) => queue.driver.classify(error),
    );
    await context.pass(ARRIVES_MS);
    await faults.cutConnections!();
    expectEqual("the acknowledgement", await context.waitFor("it", settling), "ambiguous");

    await context.waitUntil("the acknowledgement that is repeated", async () => {
      const outcome = await source.settle([ackOf(delivery!)]).then(
        ([result]) => outcomeOf(result),
        (error: unknown) => queue.driver.classify(error),
      );
      return outcome === "ok" || outcome === "lease_lost";
    });
    await context.pass(context.leaseMs);
    const left = await takeWithin(context, (await queue.elsewhere()).open(1), 1, context.lateMs);
    expectEqual("messages in the queue", left.length, 0);
  },
});

export const lostAnswerCases: readonly ConformanceCase[] = [sends, settlements];
