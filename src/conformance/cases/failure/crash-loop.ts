import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectInfo, listDeadLetters, waitForDeadLetter } from "../../kit/dead-letters.ts";
import { expectAtMost, expectEqual } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { needsCounts } from "../../kit/skips.ts";

const crashLoop = defineCase({
  requirement: "failure.crash_loop",
  name: "a message that kills its process on every delivery is dead-lettered as crash_loop",
  skip: needsCounts,
  async run(context) {
    const queue = await context.makeQueue({ maxAttempts: 1 });
    const inbox = context.inbox();
    const watcher = await context.connect();
    const { id } = await watcher.queue.send(queue, { ...job("boom"), maxAttempts: 1 });
    const patienceMs = 2 * context.leaseMs + context.timing.patienceMs;
    const isDeadLettered = async (): Promise<boolean> =>
      (await listDeadLetters(context, watcher, queue)).length > 0;

    for (let kills = 0; !(await isDeadLettered()); kills += 1) {
      expectAtMost("killed processes before the dead letter", kills, 10);
      const doomed = await context.connect();
      const handler = inbox.handler(() => doomed.kill().then(() => context.hang()));
      doomed.receive(queue, handler, { concurrency: 1 });
      const isOver = async (): Promise<boolean> => doomed.isKilled || (await isDeadLettered());
      await context.waitUntil(`the end of delivery ${kills + 1}`, isOver, patienceMs);
    }

    // A delivery whose run did not fail uses up no attempt, so the guard waits for maxAttempts + 5 deliveries.
    expectEqual("attempts", inbox.attempts(id), [1, 2, 3, 4, 5]);
    const deadLetter = await waitForDeadLetter(context, watcher, queue);
    expectInfo(deadLetter, { reason: "crash_loop", source: queue });
    expectEqual("the payload", deadLetter.message?.payload, "boom");
  },
});

export const crashLoopCases: readonly ConformanceCase[] = [crashLoop];
