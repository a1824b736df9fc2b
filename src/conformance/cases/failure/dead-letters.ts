import { PermanentError, RetryAfterError } from "../../../errors.ts";
import { Worker } from "../../../worker/worker.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import {
  allRedriven,
  expectInfo,
  listDeadLetters,
  makeDeadLetters,
  redrive,
  waitForDeadLetter,
  waitForDeadLetters,
} from "../../kit/dead-letters.ts";
import { expectEqual, expectSame } from "../../kit/expect.ts";
import { firstReason, needsCopies, needsCounts } from "../../kit/skips.ts";

const isOdd = (_: unknown, index: number): boolean => index % 2 === 1;
const isEven = (_: unknown, index: number): boolean => index % 2 === 0;

const listed = defineCase({
  requirement: "failure.dead_letters",
  name: "dead letters that are listed stay in the dead-letter queue",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 12);
    const deadLetters = client.queue.deadLetters(queue);
    const later = new Date(context.now() + 60_000);

    const all = await listDeadLetters(context, client, queue);
    const again = await listDeadLetters(context, client, queue);
    const odd = await context.waitFor("a list by type", deadLetters.list({ type: "odd" }));
    const five = await context.waitFor("a list with a limit", deadLetters.list({ limit: 5 }));
    const crashed = await context.waitFor("a list by reason", deadLetters.list({ reason: "crash_loop" }));
    const future = await context.waitFor("a list by time", deadLetters.list({ since: later }));

    const idsOf = (some: readonly { readonly id: string }[]): string[] => some.map(({ id }) => id);
    expectSame("the first list", idsOf(all), ids);
    expectSame("the second list", idsOf(again), ids);
    expectSame("a list of the type odd", idsOf(odd), ids.filter(isOdd));
    expectEqual("a list with the limit 5", five.length, 5);
    expectEqual("a list with the reason crash_loop", crashed.length, 0);
    expectEqual("a list from a later time", future.length, 0);
    await waitForDeadLetters(context, client, queue, 12);
  },
});

const standstill = defineCase({
  requirement: "failure.dead_letters",
  name: "a list of dead letters is complete although its process stands still for 2.5 s as it begins",
  alone: true,
  skip: (_declared, { clock }) =>
    clock === undefined ? undefined : "nothing stands still on a virtual clock",
  async run(context) {
    const { queue, ids } = await makeDeadLetters(context, 6);

    for (const afterMs of [5, 50, 200]) {
      // A connection of its own, since the first poll of a connection opens it.
      const client = await context.connect();
      await client.queue.describe(queue);
      const listing = listDeadLetters(context, client, queue);
      await context.pass(afterMs);
      for (const until = performance.now() + 2_500; performance.now() < until;);
      const found = await listing;
      await client.close();

      expectSame(
        `dead letters of a list that stood still after ${afterMs} ms`,
        found.map(({ id }) => id),
        ids,
      );
    }
  },
});

const redriven = defineCase({
  requirement: "failure.dead_letters",
  name: "dead letters that are redriven start again at attempt 1",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 8);
    const inbox = context.inbox();

    await redrive(context, client, queue, allRedriven(4), { type: "even", dryRun: true });
    await waitForDeadLetters(context, client, queue, 8);
    await redrive(context, client, queue, allRedriven(4), { type: "even" });
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(4);
    await context.pass(context.lateMs);

    expectSame("redriven messages", inbox.ids, ids.filter(isEven));
    const runs = inbox.arrivals.map(({ message, attempt }) => `${message.type}, attempt ${attempt}`);
    expectEqual("runs", [...new Set(runs)], ["even, attempt 1"]);
    const left = await waitForDeadLetters(context, client, queue, 4);
    expectSame(
      "dead letters that are left",
      left.map(({ id }) => id),
      ids.filter(isOdd),
    );
  },
});

const redrivenAgain = defineCase({
  requirement: "failure.dead_letters",
  name: "a message that fails again after each redrive is redriven each time, inside any deduplication window",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 1);
    const inbox = context.inbox();

    const receiver = client.receive(queue, inbox.failing(new PermanentError("still not")));
    for (let round = 1; round <= 3; round += 1) {
      await redrive(context, client, queue, allRedriven(1), { ids });
      await inbox.waitForRuns(round);
      await waitForDeadLetters(context, client, queue, 1);
    }
    await receiver.stop();

    expectEqual("attempts", inbox.attempts(ids[0]!), [1, 1, 1]);
  },
});

const startsOver = defineCase({
  requirement: "failure.dead_letters",
  name: "a redriven message forgets its recorded attempts and the time since which its type was unknown",
  skip: firstReason(needsCopies, needsCounts),
  async run(context) {
    const { unitMs, patienceMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect({ limits: { maxReleaseDelayMs: 0 } });
    const inbox = context.inbox();
    const [id = ""] = await context.sendMany(client, queue, 1, () => ({ type: "new", maxAttempts: 3 }));
    const worker = new Worker(client.queue, { leaseMs: context.leaseMs, unknownTypeMaxAgeMs: unitMs });
    const unknownSince = new Set<number | undefined>();
    const handler = inbox.handler((_arrival, run) => {
      unknownSince.add(run.unknownSince);
      throw new RetryAfterError(unitMs / 10);
    });

    const first = client.work(
      queue,
      worker.register("old", () => {}),
    );
    expectInfo(await waitForDeadLetter(context, client, queue), { reason: "unknown_type" });
    await first.stop();
    await redrive(context, client, queue, allRedriven(1));
    const second = client.receive(queue, handler);
    await inbox.waitForRunsOf(id, 3, unitMs + patienceMs);
    expectInfo(await waitForDeadLetter(context, client, queue), { reason: "max_attempts", attempts: 3 });
    await redrive(context, client, queue, allRedriven(1));
    await inbox.waitForRunsOf(id, 6, unitMs + patienceMs);
    await waitForDeadLetter(context, client, queue);
    await second.stop();

    expectEqual("attempts", inbox.attempts(id), [1, 2, 3, 1, 2, 3]);
    expectEqual("unknownSince in the handler", [...unknownSince], [undefined]);
  },
});

const discarded = defineCase({
  requirement: "failure.dead_letters",
  name: "a discard removes the dead letters that it matches and no others",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 6);
    const deadLetters = client.queue.deadLetters(queue);

    const two = await context.waitFor("a discard of two", deadLetters.discard({ ids: ids.slice(0, 2) }));
    const left = await waitForDeadLetters(context, client, queue, 4);
    const all = await context.waitFor("a discard of all", deadLetters.discard({}));

    expectEqual("discarded by id", two, 2);
    expectSame(
      "dead letters that are left",
      left.map(({ id }) => id),
      ids.slice(2),
    );
    expectEqual("discarded without a filter", all, 4);
    await waitForDeadLetters(context, client, queue, 0);
    await context.expectEmpty(queue);
  },
});

export const deadLetterCases: readonly ConformanceCase[] = [
  listed,
  standstill,
  redriven,
  redrivenAgain,
  startsOver,
  discarded,
];
