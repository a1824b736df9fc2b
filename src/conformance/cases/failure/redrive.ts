import type { RedriveStep } from "../../../queue/dead-letters.ts";
import { defineCase, type ConformanceCase } from "../../case.ts";
import {
  allRedriven,
  makeDeadLetters,
  redrive,
  waitForDeadLetter,
  waitForDeadLetters,
} from "../../kit/dead-letters.ts";
import { expectAtMost, expectEqual, expectRefusal, expectSame, expectThat } from "../../kit/expect.ts";
import { killOnSettle } from "../../kit/interceptors.ts";
import { needsClock } from "../../kit/skips.ts";

/** Longest lease of a scan of dead letters, in milliseconds. */
const SCAN_LEASE_MS = 300_000;

const changed = defineCase({
  requirement: "failure.dead_letters",
  name: "a redrive with a transform sends the changed messages and leaves the skipped ones",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 4);
    const inbox = context.inbox();
    const expected = { matched: 4, redriven: 2, skipped: 2, failed: 0 };

    await redrive(context, client, queue, expected, {
      transform: (message, { reason }) =>
        message?.type === "odd"
          ? undefined
          : { type: "fixed", payload: { payload: message?.payload, reason } },
    });
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(2);

    const got = inbox.arrivals.map(({ message: { id, type, payload } }) =>
      JSON.stringify({ id, type, payload }),
    );
    const wanted = [0, 2].map((index) =>
      JSON.stringify({
        id: ids[index],
        type: "fixed",
        payload: { payload: { index }, reason: "permanent_error" },
      }),
    );
    expectSame("redriven messages", got, wanted);
    await waitForDeadLetters(context, client, queue, 2);
  },
});

const elsewhere = defineCase({
  requirement: "failure.transform",
  name: "a redrive to another queue delivers there, and one to a missing queue is refused",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 4);
    const [other, missing] = [await context.makeQueue(), context.missingQueue()];
    const [there, here] = [context.inbox(), context.inbox()];
    const expected = { matched: 2, redriven: 2, skipped: 0, failed: 0 };

    if (!context.declared.limits.createsQueues) {
      const toMissing = client.queue.deadLetters(queue).redrive({ to: missing });
      await context.waitFor("a redrive to a missing queue", Promise.allSettled([toMissing]));
      await expectRefusal("a redrive to a missing queue", toMissing, "not_found", missing);
    }
    await redrive(context, client, queue, expected, { to: other, type: "odd" });
    client.receive(other, there.handler());
    const receiver = client.receive(queue, here.handler());
    await there.waitForMessages(2);
    await context.pass(context.lateMs);
    await receiver.stop();

    expectSame("messages in the other queue", new Set(there.ids), [ids[1]!, ids[3]!]);
    const attempts = there.arrivals.map(({ attempt }) => attempt);
    expectEqual("attempts in the other queue", [...new Set(attempts)], [1]);
    expectEqual("messages in the original queue", here.ids, []);
    await waitForDeadLetters(context, client, queue, 2);
  },
});

const invalid = defineCase({
  requirement: "failure.transform",
  name: "a dead letter whose transform throws or returns an invalid message stays and is reported, and the others are redriven",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 4);
    const expected = { matched: 4, redriven: 2, skipped: 0, failed: 2 };
    const dryRun: RedriveStep[] = [];
    const forReal: RedriveStep[] = [];
    const redriveInto = (steps: RedriveStep[], isDry: boolean): Promise<void> =>
      redrive(context, client, queue, expected, {
        dryRun: isDry,
        transform: (message) => {
          if (message?.id === ids[1]) throw new TypeError("no such field");
          return message === undefined || message.id === ids[2]
            ? { type: "", payload: null }
            : { ...message, type: "fixed" };
        },
        onMessage: (step) => steps.push(step),
      });

    await redriveInto(dryRun, true);
    await redriveInto(forReal, false);

    for (const steps of [dryRun, forReal]) {
      const seen = steps.map(
        ({ deadLetter, outcome, changed: to }) => `${deadLetter.id}: ${outcome} ${to?.type ?? ""}`,
      );
      const wanted = ids.map(
        (id, index) => `${id}: ${[0, 3].includes(index) ? "redriven fixed" : "failed "}`,
      );
      expectSame("reported steps", seen, wanted);
      const error = String(steps.find(({ deadLetter }) => deadLetter.id === ids[1])?.error);
      expectThat("the error of the transform", error.includes("no such field"), error, "no such field");
    }
    const left = await waitForDeadLetters(context, client, queue, 2);
    expectSame(
      "dead letters that are left",
      left.map(({ id }) => id),
      [ids[1]!, ids[2]!],
    );
    const states = left.map(({ info, message }) => `${message?.type}, ${info.reason}`);
    expectSame("types and reasons that are left", states, ["odd, permanent_error", "even, permanent_error"]);
  },
});

const stopped = defineCase({
  requirement: "failure.transform",
  name: "a redrive that is stopped reports what it redrove and loses no message",
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 12);
    const inbox = context.inbox();
    const stop = new AbortController();

    const redriving = client.queue.deadLetters(queue).redrive({
      // One at a time, however many dead letters the provider returns at once.
      ratePerSecond: 2,
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.redriven >= 3) stop.abort(new Error("enough"));
      },
    });
    const { redriven } = await context.waitFor("a redrive that is stopped", redriving);
    const left = await waitForDeadLetters(context, client, queue, 12 - redriven);
    client.receive(queue, inbox.handler());
    await inbox.waitForMessages(redriven);

    expectThat("redriven", redriven >= 3 && redriven < 12, redriven, "3 to 11");
    expectSame("redriven messages and dead letters", [...inbox.ids, ...left.map(({ id }) => id)], ids);
  },
});

const killed = defineCase({
  requirement: "failure.dead_letters",
  name: "a redrive that is killed half-way loses no message",
  skip: needsClock("minutes until the lease of a killed scan ends"),
  async run(context) {
    const { queue, client, ids } = await makeDeadLetters(context, 10);
    const doomed = await context.connect();
    const inbox = context.inbox();
    const deadLetters = client.queue.deadLetters(queue);
    killOnSettle(doomed, "ack");

    const redriving = doomed.queue.deadLetters(queue).redrive();
    await context.waitFor("the redrive that is killed", Promise.allSettled([redriving]));
    client.receive(queue, inbox.handler());
    const leaseMs = Math.min(SCAN_LEASE_MS, context.declared.limits.maxLeaseMs);
    const isComplete = async (): Promise<boolean> => {
      if (ids.every((id) => inbox.count(id) > 0)) return true;
      await context.waitFor("another redrive", deadLetters.redrive());
      return false;
    };
    await context.waitUntil("all messages", isComplete, 2 * leaseMs + 2 * context.timing.patienceMs);

    expectThat("the client", doomed.isKilled, "alive", "killed");
    for (const id of ids) expectAtMost(`runs of message ${id}`, inbox.count(id), 2);
  },
});

const unreadable = defineCase({
  requirement: "failure.transform",
  name: "a redrive with a transform corrects a dead letter that cannot be read, from its body and its attributes",
  async run(context) {
    const queue = await context.makeQueue();
    const client = await context.connect();
    const inbox = context.inbox();
    const theirs = { body: '{"order":7', attributes: { theirs: "x" }, delayMs: 0, dedupId: "m1" };
    await client.driver.send(queue, [theirs], new AbortController().signal);
    const receiver = client.receive(queue, inbox.handler());
    const malformed = await waitForDeadLetter(context, client, queue);

    await redrive(context, client, queue, allRedriven(1), {
      transform: (message, { reason }, { body, attributes }) => {
        const payload: unknown = JSON.parse(`${Buffer.from(body as string).toString()}}`);
        return {
          type: "corrected",
          payload: { payload, reason, theirs: attributes["theirs"], isRead: message !== undefined },
        };
      },
    });
    await inbox.waitForMessages(1);
    await receiver.stop();

    expectEqual("the dead letter that cannot be read", malformed.message, undefined);
    expectThat("its problem", malformed.problem !== undefined, malformed.problem, "why it cannot be read");
    expectEqual("the payload that was sent", inbox.payloads, [
      { payload: { order: 7 }, reason: "malformed", theirs: "x", isRead: false },
    ]);
    await context.expectEmpty(queue);
  },
});

export const redriveCases: readonly ConformanceCase[] = [
  changed,
  elsewhere,
  invalid,
  stopped,
  killed,
  unreadable,
];
