import { PermanentError, RetryAfterError } from "../../../errors.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import {
  allRedriven,
  expectInfo,
  redrive,
  waitForDeadLetter,
  waitForDeadLetters,
} from "../../kit/dead-letters.ts";
import { expectEqual, expectSame, expectThat } from "../../kit/expect.ts";
import { needsOrder } from "../../kit/skips.ts";

const blocked = defineCase({
  requirement: "ordering.blocked_key",
  name: "a message that fails blocks its ordering key during its backoff, and no other key",
  skip: needsOrder,
  async run(context) {
    // Long enough for the messages of the other key to be handled meanwhile.
    const backoffMs = 5 * context.timing.unitMs;
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();
    const inbox = context.inbox();
    const payloads = ["a0", "a1", "a2", "b0", "b1", "b2"];
    const handler = inbox.handler(({ message, attempt }) => {
      if (message.payload === "a0" && attempt < 3) throw new RetryAfterError(backoffMs);
    });

    await context.sendMany(client, queue, 6, (index) => ({
      orderingKey: payloads[index]![0]!,
      payload: payloads[index],
    }));
    const receiver = client.receive(queue, handler);
    await inbox.waitForRuns(8, 2 * backoffMs + context.timing.patienceMs);
    await receiver.stop();

    const runsOf = (key: string): string[] =>
      inbox.arrivals
        .filter(({ message }) => message.orderingKey === key)
        .map(({ message, attempt }) => `${message.payload as string}#${attempt}`);
    expectEqual("runs of key a", runsOf("a"), ["a0#1", "a0#2", "a0#3", "a1#1", "a2#1"]);
    expectEqual("runs of key b", runsOf("b"), ["b0#1", "b1#1", "b2#1"]);
    const timesOf = (payload: string): number[] =>
      inbox.arrivals.filter(({ message }) => message.payload === payload).map(({ at }) => at);
    const [first, second, third] = timesOf("a0") as [number, number, number];
    context.expectOnTime("the second run of a0", second, first + backoffMs);
    context.expectOnTime("the third run of a0", third, second + backoffMs);
    const isFree = timesOf("b2")[0]! < second;
    expectThat(
      "the last message of key b",
      isFree,
      "after the backoff of a0",
      "a run during the backoff of a0",
    );
    await context.expectEmpty(queue);
  },
});

/** More than the slots of a receiver, and than the settlements that it leaves unconfirmed. */
const WAITING_KEYS = 100;

const waiting = defineCase({
  requirement: "ordering.blocked_key",
  name: "keys whose backoff is longer than a release can be delayed leave the worker to other keys",
  skip: needsOrder,
  // Its result depends on how soon a hundred messages are received.
  alone: true,
  async run(context) {
    const { patienceMs } = context.timing;
    const backoffMs = 4 * patienceMs;
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect({ limits: { maxReleaseDelayMs: 0 } });
    const inbox = context.inbox();
    const handler = inbox.handler(({ message }) => {
      if (message.orderingKey !== "healthy") throw new RetryAfterError(backoffMs);
    });

    await context.sendMany(client, queue, WAITING_KEYS, (index) => ({ orderingKey: `failing ${index}` }));
    const receiver = client.receive(queue, handler, { drainMs: 0 });
    await inbox.waitForRuns(WAITING_KEYS, 2 * patienceMs);
    const [healthy = ""] = await context.sendMany(client, queue, 1, () => ({ orderingKey: "healthy" }));
    await inbox.waitForRunsOf(healthy, 1);
    await receiver.stop();

    expectEqual("runs", inbox.arrivals.length, WAITING_KEYS + 1);
  },
});

const freed = defineCase({
  requirement: "ordering.blocked_key",
  name: "a message that is dead-lettered frees its ordering key, and returns to the key when it is redriven",
  skip: needsOrder,
  async run(context) {
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();
    const inbox = context.inbox();
    const [head = "", next = ""] = await context.sendMany(client, queue, 2, () => ({ orderingKey: "a" }));
    let fails = true;
    const handler = inbox.handler(({ message }) => {
      if (message.id === head && fails) throw new PermanentError("not this one");
    });

    client.receive(queue, handler);
    await inbox.waitForRunsOf(next, 1);
    const runsByThen = [inbox.count(head), inbox.count(next)];
    const deadLetter = await waitForDeadLetter(context, client, queue);
    fails = false;
    await redrive(context, client, queue, allRedriven(1));
    await inbox.waitForRunsOf(head, 2);

    expectEqual("runs of both messages before the redrive", runsByThen, [1, 1]);
    expectEqual("the id of the dead letter", deadLetter.id, head);
    expectInfo(deadLetter, { reason: "permanent_error", attempts: 1 });
    const keys = inbox.of(head).map(({ message }) => message.orderingKey);
    expectEqual("ordering keys of the redriven message", keys, ["a", "a"]);
    expectEqual("attempts of the redriven message", inbox.attempts(head), [1, 1]);
  },
});

const named = defineCase({
  requirement: "ordering.blocked_key",
  name: "a message whose id is its ordering key blocks the key during its backoff",
  skip: needsOrder,
  async run(context) {
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();
    const inbox = context.inbox();
    const ids = ["order-7", "b", "c"];
    const handler = inbox.handler(({ message, attempt }) => {
      if (message.id === "order-7" && attempt === 1) throw new RetryAfterError(context.timing.unitMs);
    });

    await context.sendMany(client, queue, 3, (index) => ({ id: ids[index], orderingKey: "order-7" }));
    const receiver = client.receive(queue, handler);
    await inbox.waitForRuns(4, context.timing.unitMs + context.timing.patienceMs);
    await receiver.stop();

    const runs = inbox.arrivals.map(({ message, attempt }) => `${message.id}#${attempt}`);
    expectEqual("runs", runs, ["order-7#1", "order-7#2", "b#1", "c#1"]);
    const keys = inbox.of("order-7").map(({ message }) => message.orderingKey);
    expectEqual("ordering keys of the first message", keys, ["order-7", "order-7"]);
  },
});

const kept = defineCase({
  requirement: "ordering.blocked_key",
  name: "an ordering key of any characters is kept by a dead letter and its redrive",
  skip: needsOrder,
  async run(context) {
    const queue = await context.makeQueue({ ordering: "by_key" });
    const client = await context.connect();
    const inbox = context.inbox();
    // 128 bytes, the most that `send` takes, are 258 bytes of JSON. SQS carries no Unicode noncharacters.
    const keys = ['"'.repeat(128), "\uFFFE\uFFFF"];
    let fails = true;
    const handler = inbox.handler(() => {
      if (fails) throw new PermanentError("not now");
    });

    const ids = await context.sendMany(client, queue, 2, (index) => ({ orderingKey: keys[index] }));
    client.receive(queue, handler);
    const deadLetters = await waitForDeadLetters(context, client, queue, 2);
    fails = false;
    await redrive(context, client, queue, allRedriven(2));
    await inbox.waitForRuns(4);

    expectSame(
      "ordering keys of the dead letters",
      deadLetters.map(({ message }) => message?.orderingKey ?? "none"),
      keys,
    );
    const after = ids.map((id) => inbox.of(id).map(({ message }) => message.orderingKey));
    expectEqual(
      "ordering keys before and after the redrive",
      after,
      keys.map((key) => [key, key]),
    );
  },
});

export const blockedKeyCases: readonly ConformanceCase[] = [blocked, waiting, freed, named, kept];
