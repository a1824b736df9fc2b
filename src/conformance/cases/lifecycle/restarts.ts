import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectAtLeast, expectAtMost } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";
import { breakOf, needsBreak } from "../../kit/skips.ts";

const MANY = 10_000;
const RECEIVERS = 4;
const CONCURRENCY = 50;
/** Twice the number of messages that the receivers can hold at two breaks, with their prefetch. */
const MOST_DUPLICATES = 2 * RECEIVERS * 3 * CONCURRENCY;

const atThirdAndHalf = defineCase({
  requirement: "lifecycle.restarts",
  name: "10,000 messages survive a restart or a cut of every connection at one third and at one half",
  skip: needsBreak,
  alone: true,
  async run(context) {
    const { patienceMs } = context.timing;
    const breakAll = breakOf(context.harness.faults)!;
    const queue = await context.makeQueue();
    const sender = await context.connect();
    const inbox = context.inbox();
    const handler = inbox.handler(() => context.sleep(1));

    const ids = await context.sendMany(sender, queue, MANY);
    for (let receivers = 0; receivers < RECEIVERS; receivers += 1) {
      (await context.connect()).receive(queue, handler, { concurrency: CONCURRENCY });
    }
    for (const share of [1 / 3, 1 / 2]) {
      await inbox.waitForMessages(Math.ceil(MANY * share), 4 * patienceMs);
      expectAtMost("messages before the break", inbox.size, MANY - 1);
      await context.waitFor("the break", breakAll());
    }
    await inbox.waitForAll(ids, 4 * patienceMs + 2 * context.leaseMs);

    if (inbox.duplicates > 0) context.notes.push(`duplicates: ${inbox.duplicates}`);
    expectAtMost("duplicates", inbox.duplicates, MOST_DUPLICATES);
  },
});

const whileSending = defineCase({
  requirement: "lifecycle.restarts",
  name: "a message that is sent while connections are cut is delivered or reported as failed",
  skip: needsBreak,
  alone: true,
  async run(context) {
    const breakAll = breakOf(context.harness.faults)!;
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    await client.queue.send(queue, job("before"));

    const sends = Array.from({ length: 50 }, (_, index) => client.queue.send(queue, job(index)));
    const settled = Promise.allSettled(sends);
    await context.waitFor("the break", breakAll());
    const outcomes = await context.waitFor("50 sends", settled);
    const confirmed = outcomes.flatMap((send) => (send.status === "fulfilled" ? [send.value.id] : []));
    client.receive(queue, inbox.handler());
    await inbox.waitForAll(confirmed);

    expectAtLeast("confirmed sends", confirmed.length, 1);
  },
});

export const restartCases: readonly ConformanceCase[] = [atThirdAndHalf, whileSending];
