import { defineCase, type ConformanceCase } from "../../case.ts";
import { listDeadLetters } from "../../kit/dead-letters.ts";
import { expectEqual, expectRefusal, expectSame } from "../../kit/expect.ts";
import { job } from "../../kit/messages.ts";

const closed = defineCase({
  requirement: "delivery.closed",
  name: "a queue client that was closed refuses to send and receive, and can be closed again",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();

    const { id } = await client.queue.send(queue, job(1));
    await client.close();
    await client.close();

    await expectRefusal("send", client.queue.send(queue, job(2)), "closed");
    await expectRefusal("sendBatch", client.queue.sendBatch(queue, [job(2)]), "closed");
    await expectRefusal("receive", client.queue.receive(queue, inbox.handler()), "closed");
    await expectRefusal("stats", client.queue.stats(queue), "closed");
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForMessages(1);
    await context.pass(context.lateMs);
    expectEqual("messages in the queue", inbox.ids, [id]);
  },
});

const closedWhileSending = defineCase({
  requirement: "delivery.closed",
  name: "close sends every message that was accepted before it",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    await client.queue.send(queue, job("first"));

    const sends = Array.from({ length: 20 }, (_, index) => client.queue.send(queue, job(index)));
    const settled = Promise.allSettled(sends);
    await context.pass(0);
    await client.close();
    const outcomes = await context.waitFor("20 sends", settled);
    const confirmed = outcomes.flatMap((send) => (send.status === "fulfilled" ? [send.value.id] : []));
    (await context.connect()).receive(queue, inbox.handler());
    await inbox.waitForAll(confirmed);

    expectEqual("confirmed sends", confirmed.length, 20);
    const runs = inbox.ids.filter((id) => confirmed.includes(id));
    expectSame("runs of the confirmed messages", runs, confirmed);
  },
});

const closedWhileRunning = defineCase({
  requirement: "delivery.closed",
  name: "a handler that runs while its client is closed can send, and its message is acknowledged",
  async run(context) {
    const [queue, next] = [await context.makeQueue({ maxAttempts: 1 }), await context.makeQueue()];
    const client = await context.connect();
    const [inbox, sent, left] = [context.inbox(), context.inbox(), context.inbox()];
    const handler = inbox.handler(async () => {
      await context.sleep(context.timing.unitMs);
      await client.queue.send(next, job("follow-up"));
      await client.queue.sendBatch(next, [job("follow-up")]);
    });
    await client.queue.send(queue, { ...job(), maxAttempts: 1 });

    client.receive(queue, handler);
    await inbox.waitForRunning(1);
    await client.close();
    const other = await context.connect();
    other.receive(next, sent.handler());
    other.receive(queue, left.handler());
    await sent.waitForMessages(2);
    await context.pass(context.lateMs);

    expectEqual("messages that came again", left.ids, []);
    expectEqual("dead letters", (await listDeadLetters(context, other, queue)).length, 0);
  },
});

export const closeCases: readonly ConformanceCase[] = [closed, closedWhileSending, closedWhileRunning];
