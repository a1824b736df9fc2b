import { defineCase, type ConformanceCase } from "../../case.ts";
import { makeDeadLetters, redrive, allRedriven, waitForDeadLetters } from "../../kit/dead-letters.ts";
import { expectEqual, expectSame, expectThat, expectWithin } from "../../kit/expect.ts";

const grouped = defineCase({
  requirement: "failure.transform",
  name: "dead letters that failed alike form one group with its count and its times",
  async run(context) {
    const startedAt = context.now();
    const errorOf = (index: number): string =>
      index < 6 ? `user ${index * 7_919} is unknown` : "the disk is full";
    const { queue, client, ids } = await makeDeadLetters(context, 9, errorOf);
    const deadLetters = client.queue.deadLetters(queue);

    const groups = await context.waitFor("the groups", deadLetters.groups());

    const seen = groups.map(({ type, reason, error, count }) => `${count} ${type} ${reason} ${error}`);
    expectSame("groups", seen, [
      "1 odd permanent_error PermanentError: the disk is full",
      "2 even permanent_error PermanentError: the disk is full",
      "3 even permanent_error PermanentError: user <n> is unknown",
      "3 odd permanent_error PermanentError: user <n> is unknown",
    ]);
    const counts = groups.map(({ count }) => count);
    expectEqual("counts of the groups, in their order", counts, [3, 3, 2, 1]);
    for (const { firstAt, lastAt, example, count } of groups) {
      expectThat("the id of an example", ids.includes(example.id), example.id, "one of the sent ids");
      expectWithin("the first time", firstAt.getTime(), startedAt, lastAt.getTime());
      expectWithin("the last time", lastAt.getTime(), firstAt.getTime(), context.now());
      if (count === 1) expectEqual("the last time of a group of one", lastAt, firstAt);
    }
    const { fingerprint } = groups[0]!;
    const ofGroup = await context.waitFor("a list of one group", deadLetters.list({ fingerprint }));
    expectEqual("a list of one group", ofGroup.length, 3);
    await redrive(context, client, queue, allRedriven(3), { fingerprint });
    await waitForDeadLetters(context, client, queue, 6);
  },
});

export const groupCases: readonly ConformanceCase[] = [grouped];
