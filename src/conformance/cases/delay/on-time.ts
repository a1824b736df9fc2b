import type { Delay } from "../../../message/delay.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectEqual, expectThat, expectWithin } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const FORMS: Readonly<Record<string, (ms: number, now: number) => Delay>> = {
  milliseconds: (ms) => ms,
  "{ seconds }": (ms) => ({ seconds: ms / 1_000 }),
  "{ at }": (ms, now) => ({ at: new Date(now + ms) }),
};

export const onTimeCases: readonly ConformanceCase[] = Object.entries(FORMS).map(([form, delayOf]) =>
  defineCase({
    requirement: "delay.on_time",
    name: `a message with a delay given as ${form} arrives on time`,
    async run(context) {
      // Long enough for a message that is sent afterwards without a delay to arrive first.
      const delayMs = 5 * context.timing.unitMs;
      const queue = await context.makeQueue();
      const client = await context.connect();
      const inbox = context.inbox();
      client.receive(queue, inbox.handler());
      await context.pass(context.timing.unitMs / 2);

      const sentAt = context.now();
      const { id } = await client.queue.sendDelayed(queue, job(), delayOf(delayMs, sentAt));
      const acceptedAt = context.now();
      const { id: prompt } = await client.queue.send(queue, job());
      await inbox.waitForRunsOf(id, 1, delayMs + context.timing.patienceMs);
      await context.pass(context.lateMs);

      const [arrival] = inbox.of(id);
      const dueAt = sentAt + delayMs;
      expectEqual("attempts", inbox.attempts(id), [1]);
      context.expectOnTime("the message", arrival!.at, dueAt, context.lateMs + acceptedAt - sentAt);
      const scheduledAt = arrival!.message.scheduledAt?.getTime() ?? 0;
      expectWithin("scheduledAt", scheduledAt, dueAt, acceptedAt + delayMs);
      const isPrompt = (inbox.of(prompt)[0]?.at ?? Number.MAX_VALUE) < arrival!.at;
      expectThat("the message without a delay", isPrompt, "late", "an arrival before the delayed message");
    },
  }),
);
