import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import type { SendOutcome } from "../../queue/queue.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";
import { failSome } from "../kit/line.ts";
import type { Peer } from "../kit/peer.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("failure");

/** Sends ten of which some must fail; asserts that those that were confirmed, and they alone, arrive. */
async function tenOfWhichSomeFail(stage: Stage, peer: Peer, queue: string): Promise<SendOutcome[]> {
  const messages = Array.from({ length: 10 }, (_, index) => ({ ...job(index), id: `${queue}/${index}` }));
  const outcomes = await stage.done("the batch is sent", peer.queue.sendBatch(queue, messages));
  assert.equal(outcomes.length, 10);
  assert.deepEqual(
    outcomes.map(({ id }) => id),
    messages.map(({ id }) => id),
    "outcomes are in order",
  );
  const sent = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.id] : []));
  const inbox = stage.inbox();
  const receiving = peer.receive(queue, inbox.handler());
  await stage.until("what was sent arrives", () => inbox.size >= sent.length);
  await stage.pass(stage.lateMs);
  await stage.done("the receiver stops", receiving.stop());
  assert.deepEqual(inbox.arrivals.map(({ message }) => message.id).toSorted(), sent.toSorted());
  return outcomes;
}

const failedEntry = check("failure.batch", "a send that fails inside a batch fails alone", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  peer.taps.send = (_queue, messages, pass) =>
    failSome(
      messages,
      ({ body }) => String(body).includes(`${queue}/3`),
      new DriverError("permanent", "bad entry"),
      pass,
    );
  const outcomes = await tenOfWhichSomeFail(stage, peer, queue);
  assert.deepEqual(
    outcomes.map(({ ok }) => ok),
    outcomes.map((_, index) => index !== 3),
  );
  const failed = outcomes[3];
  assert.ok(failed?.ok === false && refusal("provider", "bad entry", queue)(failed.error));
});

const failedForAWhile = check(
  "failure.batch",
  "a send that fails for a while inside a batch is made again, alone",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    let tries = 0;
    let others = 0;
    peer.taps.send = (_queue, messages, pass) => {
      const isIt = (body: unknown): boolean => String(body).includes(`${queue}/3`);
      others += messages.filter(({ body }) => !isIt(body)).length;
      const fails = (body: unknown): boolean => isIt(body) && (tries += 1) <= 2;
      return failSome(messages, ({ body }) => fails(body), new DriverError("throttled", "slower"), pass);
    };
    const outcomes = await tenOfWhichSomeFail(stage, peer, queue);
    assert.ok(
      outcomes.every(({ ok }) => ok),
      "all are sent in the end",
    );
    assert.deepEqual([tries, others], [3, 9]);
  },
);

const invalidEntry = check(
  "failure.batch",
  "an invalid message inside a batch is refused alone",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const wrong = { type: "job", payload: Number.NaN, id: "wrong" };
    const outcomes = await stage.done("the batch", peer.queue.sendBatch(queue, [job(1), wrong, job(2)]));
    assert.deepEqual(
      outcomes.map(({ ok }) => ok),
      [true, false, true],
    );
    const failed = outcomes[1];
    assert.ok(failed?.ok === false && refusal("invalid_payload")(failed.error));
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("the others arrive", () => inbox.size >= 2);
    assert.deepEqual(new Set(inbox.arrivals.map(({ message }) => message.payload)), new Set([1, 2]));
    assert.equal(inbox.duplicates, 0);
  },
);

const entryAtServer = check(
  "failure.batch",
  "a send that the server refuses inside a batch is reported alone",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const failed = await stage.harness.faults!.failSendEntry!(queue);
    const outcomes = await tenOfWhichSomeFail(stage, peer, queue);
    assert.equal(failed(), 1, "the server has refused one");
    assert.ok(outcomes.filter(({ ok }) => !ok).length <= 1, "at most that one is reported");
  },
  (_declared, { faults }) =>
    faults?.failSendEntry === undefined
      ? "the harness cannot make the server refuse one entry of a batch"
      : undefined,
);

export const batchCases: readonly ConformanceCase[] = [
  failedEntry,
  failedForAWhile,
  invalidEntry,
  entryAtServer,
];
