import type { Delay } from "../../../message/delay.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { expectRefusal } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const HOUR_MS = 3_600_000;
const INVALID: readonly unknown[] = [
  -1,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_VALUE,
  { seconds: -1 },
  { days: Number.POSITIVE_INFINITY },
  { at: new Date(Number.NaN) },
  { weeks: 1 },
  "10",
  null,
];

const zeroOrPast = defineCase({
  requirement: "delay.edges",
  name: "a message with a delay of zero or until a past time is delivered at once",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const delays: readonly Delay[] = [
      0,
      { days: 0, hours: 0, minutes: 0, seconds: 0 },
      { at: new Date(context.now() - HOUR_MS) },
      { at: new Date(0) },
    ];
    client.receive(queue, inbox.handler());

    for (const delay of delays) {
      const sentAt = context.now();
      const { id } = await client.queue.sendDelayed(queue, job(), delay);
      const acceptedAt = context.now();
      await inbox.waitForRunsOf(id, 1);

      const lateMs = context.timing.lateMs + acceptedAt - sentAt;
      const subject = `the message with the delay ${JSON.stringify(delay)}`;
      context.expectOnTime(subject, inbox.of(id)[0]!.at, sentAt, lateMs);
    }
  },
});

const invalid = defineCase({
  requirement: "delay.edges",
  name: "a message with a delay that is negative or not finite is refused",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();

    for (const value of INVALID) {
      const delay = value as Delay;
      const subject = `the delay ${JSON.stringify(value)}`;
      await expectRefusal(subject, client.queue.sendDelayed(queue, job(), delay), "invalid_delay");
      await expectRefusal(subject, client.queue.send(queue, job(), { delay }), "invalid_delay");
    }

    await context.pass(context.timing.unitMs);
    await context.expectEmpty(queue);
  },
});

export const edgeCases: readonly ConformanceCase[] = [zeroOrPast, invalid];
