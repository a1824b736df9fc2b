import type { Queue } from "../../../queue/queue.ts";
import { siblingQueue, siblingSuffixes } from "../../../driver/names.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { listDeadLetters } from "../../kit/dead-letters.ts";
import { expectEqual, expectRefusal, expectThat } from "../../kit/expect.ts";
import { countRequests } from "../../kit/interceptors.ts";
import { shortHops } from "../../kit/long-delays.ts";
import { job } from "../../kit/messages.ts";
import { needsDelayQueue } from "../../kit/skips.ts";

/** Every call that takes the name of a queue. */
function callsOn(queue: Queue, name: string): Record<string, () => Promise<unknown>> {
  return {
    send: () => queue.send(name, job(1)),
    sendBatch: () => queue.sendBatch(name, [job(1)]),
    sendDelayed: () => queue.sendDelayed(name, job(1), 1_000),
    receive: () => queue.receive(name, async () => {}),
    stats: () => queue.stats(name),
    describe: () => queue.describe(name),
    ensure: () => queue.ensure(name),
    plan: () => queue.plan(name),
    pump: () => queue.pump(name),
    drop: () => queue.drop(name),
    deadLetters: async () => queue.deadLetters(name),
  };
}

const reserved = defineCase({
  requirement: "delivery.names",
  name: "a queue that belongs to a queue in use is refused by every call, without a request",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const other = await context.connect();
    await client.queue.send(queue, job(1));
    const requests = countRequests(client);

    for (const sibling of siblingSuffixes.map((suffix) => siblingQueue(queue, suffix))) {
      for (const [name, call] of Object.entries(callsOn(client.queue, sibling)))
        await expectRefusal(`${name} on ${sibling}`, call(), "invalid_options", `"${sibling}"`, `"${queue}"`);
    }
    const requestsOfRefused = requests();
    const redrive = client.queue.deadLetters(queue).redrive({ to: siblingQueue(queue, "-delay") });
    await expectRefusal("a redrive to the delay queue", redrive, "invalid_options", queue);
    other.queue.deadLetters(siblingQueue(queue, "-high"));
    await expectRefusal("the owner", other.queue.send(queue, job(1)), "invalid_options", queue);

    expectEqual("requests of refused calls", requestsOfRefused, 0);
    expectEqual("dead letters", (await listDeadLetters(context, client, queue)).length, 0);
  },
});

const invalid = defineCase({
  requirement: "delivery.names",
  name: "a name of 10,000 characters is refused by every call, and not as an error that may pass",
  skip: ({ limits }) => (limits.createsQueues ? "the provider creates queues of any name" : undefined),
  async run(context) {
    const client = await context.connect();
    const name = "q".repeat(10_000);
    const calls = callsOn(client.queue, name);
    // A queue that does not exist has no dead letters, and there is nothing to remove. Not every adapter creates queues.
    for (const call of ["deadLetters", "drop", "ensure", "plan"]) delete calls[call];

    for (const [call, start] of Object.entries(calls)) {
      const outcome = start().then(
        (result) => result,
        (error: unknown) => error,
      );
      const error = await context.waitFor(`the refusal of ${call}`, outcome);
      const failure =
        call === "sendBatch" ? (error as readonly { readonly error: unknown }[])[0]?.error : error;
      const { code, retryable } = failure as { readonly code?: string; readonly retryable?: boolean };
      expectThat(
        `the code of ${call}`,
        code === "provider" || code === "not_found",
        code,
        "provider or not_found",
      );
      expectEqual(`whether ${call} may be repeated`, retryable, false);
    }
  },
});

const foreign = defineCase({
  requirement: "delivery.names",
  name: "a message without a due time in a delay queue is reported and stays, although the queue has a receiver",
  skip: needsDelayQueue,
  async run(context) {
    const { unitMs, lateMs } = context.timing;
    const queue = await context.makeQueue();
    const client = await context.connect({ limits: shortHops(unitMs) });
    const owner = await context.connect();
    const [inbox, own] = [context.inbox(), context.inbox()];
    const { delayQueue } = (await client.queue.describe(queue)).traits;
    const warnings: string[] = [];

    await owner.queue.send(delayQueue, { ...job("live work"), id: "live" });
    const receiver = client.receive(queue, inbox.handler(), {
      onEvent: (event) => event.event === "warning" && warnings.push(event.code),
    });
    await context.waitUntil("a warning", () => warnings.includes("delay_queue_foreign"));
    await context.pass(2 * unitMs + lateMs);
    await receiver.stop();
    // Pub/Sub counts no deliveries there.
    owner.receive(delayQueue, own.handler(), { allowUncounted: true });
    await own.waitForMessages(1);

    expectEqual("messages that were moved", inbox.ids, []);
    expectEqual("messages that the queue's own receiver gets", own.ids, ["live"]);
  },
});

export const nameCases: readonly ConformanceCase[] = [reserved, invalid, foreign];
