import type { Delivery } from "../../../driver/contract.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import { ackOf, DirectQueue, settle, takeWithin, textOf } from "../../kit/contract.ts";
import { expectAtMost, expectEqual, expectThat } from "../../kit/expect.ts";
import { never } from "../../kit/source.ts";

/** Longest time that a call may take to end after its signal has aborted, in milliseconds. */
const AT_ONCE_MS = 250;
/** Time after which a poll of an empty queue waits at the server, in milliseconds. */
const IDLE_MS = 300;
/** More turns of the microtask queue than a call needs to end after its signal has aborted. */
const MICROTASKS = 100;
/** Times between a call and its abort or stop, in milliseconds, so that some fall into the request and some before it. */
const GAPS_MS = [0, 0, 1, 2, 4, 8, 0, 16, 3, 32];
/** Shortest long poll that is much longer than a quarter of it and the time of a request. */
const TELLABLE_MS = 4_000;

const aborted = defineCase({
  requirement: "contract.abort",
  name: "a poll that is aborted resolves empty immediately, and its messages are returned by the next poll",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const source = queue.open(5);
    const already = source.next(1, AbortSignal.abort());
    expectEqual("a poll with an aborted signal", await context.waitFor("it", already, AT_ONCE_MS), []);

    const idle = new AbortController();
    const waiting = source.next(1, idle.signal);
    await context.pass(IDLE_MS);
    idle.abort();
    const end = context.waitFor("a poll of an empty queue after its abort", waiting, AT_ONCE_MS);
    expectEqual("messages", await end, []);

    for (const [round, gapMs] of GAPS_MS.entries()) {
      const abort = new AbortController();
      // In turn, the message is there before the poll, and arrives during it.
      if (round % 2 === 0) await queue.sendBodies(`message ${round}`);
      const polling = source.next(5, abort.signal);
      const sending = round % 2 === 0 ? undefined : queue.sendBodies(`message ${round}`);
      if (gapMs > 0) await context.pass(gapMs);
      abort.abort();
      const early = await context.waitFor(`poll ${round} after its abort`, polling, AT_ONCE_MS);
      await sending;
      const later = await takeWithin(context, source, 1 - early.length, context.leaseMs / 2);

      const seen = [...early, ...later].map(
        ({ body, deliveryCount }) => `${textOf(body)}, delivery ${deliveryCount}`,
      );
      expectEqual(`messages of round ${round}`, seen, [`message ${round}, delivery 1`]);
      await settle(context, source, [...early, ...later].map(ackOf));
    }
  },
});

const prefetch = defineCase({
  requirement: "contract.prefetch",
  name: "a source with polls that were aborted leases no more messages than its prefetch",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const most = 5;
    await queue.sendBodies(...Array.from({ length: 40 }, (_, index) => `message ${index}`));
    const source = queue.open(most);
    const held: Delivery[] = [];

    for (const gapMs of GAPS_MS.slice(0, 5)) {
      if (held.length === most) break;
      const abort = new AbortController();
      const polling = source.next(most - held.length, abort.signal);
      if (gapMs > 0) await context.pass(gapMs);
      abort.abort();
      held.push(...(await withoutDelay(polling)));
    }
    held.push(...(await takeWithin(context, source, most - held.length, context.leaseMs / 2)));
    held.push(...(await context.waitFor("the stop of the source", source.stop())));

    expectAtMost("leased messages of a source with a prefetch of 5", held.length, most);
    const { inFlight } = await context.waitFor("stats", queue.driver.stats(queue.name));
    expectAtMost("messages in flight by the counts", inFlight ?? 0, most);
  },
});

/** Awaits an aborted call, and returns before its request can end. A source that does not end the call has failed. */
async function withoutDelay(polling: Promise<Delivery[]>): Promise<Delivery[]> {
  let deliveries: Delivery[] | undefined;
  void polling.then((result) => (deliveries = result));
  for (let turns = 0; turns < MICROTASKS && deliveries === undefined; turns += 1) await Promise.resolve();
  expectThat("an aborted poll", deliveries !== undefined, "it has not ended", "an end without delay");
  return deliveries;
}

const wait = defineCase({
  requirement: "contract.wait",
  name: "a poll of an empty queue ends after the wait that its source was opened with",
  skip: ({ limits }) =>
    limits.longPollMs < TELLABLE_MS ? `a poll waits for at most ${limits.longPollMs} ms` : undefined,
  async run(context) {
    const { longPollMs } = context.declared.limits;
    const queue = await DirectQueue.make(context);
    const source = queue.open(1, { waitMs: longPollMs / 4 });
    // The first poll may connect.
    await context.waitFor("the first poll", source.next(1, never));

    const startedAt = context.now();
    const got = await context.waitFor("the second poll", source.next(1, never));
    const tookMs = context.now() - startedAt;

    expectEqual("messages", got, []);
    const most = longPollMs / 4 + context.lateMs;
    expectThat("the wait of a poll", tookMs <= most, `${tookMs} ms`, `at most ${most} ms`);
  },
});

const arrives = defineCase({
  requirement: "contract.wait",
  name: "a poll that waits returns a message that is sent, or whose delay or lease ends, without another poll",
  async run(context) {
    const { limits } = context.declared;
    const queue = await DirectQueue.make(context);
    const source = queue.open(1);
    const [sent] = await Promise.all([
      takeWithin(context, source, 1, 2 * context.lateMs),
      queue.sendBodies("sent"),
    ]);
    expectEqual(
      "the message that was sent",
      sent.map(({ body }) => textOf(body)),
      ["sent"],
    );

    // Its lease ends while another source waits for it.
    const other = (await queue.elsewhere()).open(1);
    const [again] = await takeWithin(context, other, 1, context.leaseMs + context.lateMs);
    expectEqual("the message whose lease has ended", again && textOf(again.body), "sent");
    await settle(context, other, [ackOf(again!)]);

    const delayMs = context.timing.unitMs;
    if (limits.nativeDelayMs < delayMs) return;
    await queue.send([queue.outgoing("delayed", { delayMs })]);
    const due = await takeWithin(context, other, 1, delayMs + context.lateMs);
    expectEqual(
      "the delayed message",
      due.map(({ body }) => textOf(body)),
      ["delayed"],
    );
  },
});

const stopped = defineCase({
  requirement: "contract.stop",
  name: "a stop waits for the polls under way, so that other sources can receive the other messages immediately",
  async run(context) {
    const queue = await DirectQueue.make(context);
    const other = await queue.elsewhere();
    const bodies = ["a", "b", "c"];
    const idle = queue.open(1);
    const waiting = idle.next(1, never);
    await context.pass(IDLE_MS);
    expectEqual("messages of a stop", await context.waitFor("the stop of an idle source", idle.stop()), []);
    const ended = context.waitFor("the end of an idle poll after the stop", waiting, context.lateMs);
    expectEqual("messages of an idle poll", await ended, []);
    await idle.close();

    for (const [round, gapMs] of GAPS_MS.entries()) {
      const source = queue.open(bodies.length);
      await queue.sendBodies(...bodies);
      const polling = source.next(bodies.length, never);
      if (gapMs > 0) await context.pass(gapMs);
      const rest = await context.waitFor("a stop", source.stop());
      const polled = await context.waitFor("the end of the poll after the stop", polling, context.lateMs);
      const held = [...polled, ...rest];
      await settle(context, source, held.map(ackOf));
      await context.waitFor("a close", source.close());
      const others = await other.takeAll(bodies.length - held.length);

      const all = [...held.map(({ body }) => textOf(body)), ...others].toSorted();
      expectEqual(`messages of round ${round}, ${held.length} of them from the stopped source`, all, bodies);
    }
  },
});

export const pollCases: readonly ConformanceCase[] = [aborted, prefetch, wait, arrives, stopped];
