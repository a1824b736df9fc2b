import assert from "node:assert/strict";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job, refusal } from "../kit/jobs.ts";

const check = caseMaker("delay");

const cancelled = check(
  "delay.cancel",
  "a delayed message that is cancelled never arrives; cancelling again says so",
  async (stage) => {
    // Far enough off not to fall due before it is cancelled.
    const delayMs = 8 * stage.timing.unitMs;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const send = async (): Promise<{ readonly id: string; readonly handle: string }> => {
      const { id, handle } = await peer.queue.sendDelayed(queue, job(), delayMs, { cancellable: true });
      assert.equal(typeof handle, "string", "there is a handle");
      return { id, handle: handle ?? "" };
    };
    const [unwanted, wanted] = [await send(), await send()];
    const other = await stage.connect();
    assert.equal(await stage.done("cancel", other.queue.cancel(unwanted.handle)), true);
    assert.equal(await stage.done("a second cancel", peer.queue.cancel(unwanted.handle)), false);
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until(
      "the other arrives",
      () => inbox.count(wanted.id) > 0,
      delayMs + stage.timing.patienceMs,
    );
    await stage.pass(stage.lateMs);
    assert.equal(inbox.count(unwanted.id), 0);
    assert.equal(await stage.done("a late cancel", peer.queue.cancel(wanted.handle)), false);
  },
  ({ limits }, { openDelayStore }) =>
    limits.cancel || openDelayStore !== undefined ? undefined : "delayed messages cannot be cancelled",
);

const notCancellable = check(
  "delay.cancel",
  "cancelling is refused as not_supported where it is not declared",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const sending = peer.queue.sendDelayed(queue, job(), stage.timing.unitMs, { cancellable: true });
    await assert.rejects(sending, refusal("not_supported", queue));
    await assert.rejects(peer.queue.cancel("any"), refusal("not_supported"));
    await stage.pass(stage.timing.unitMs + stage.lateMs);
    await stage.assertEmpty(queue);
  },
  ({ limits }, { openDelayStore }) =>
    limits.cancel || openDelayStore !== undefined ? "delayed messages can be cancelled" : undefined,
);

const stored = check(
  "delay.cancel",
  "what waits in a delay store is listed, counted, and gone from it once it has arrived",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const ids: string[] = [];
    const sent = new Map<number, { readonly from: number; readonly to: number }>();
    for (const units of [3, 2, 300]) {
      const from = stage.now();
      const { id } = await peer.queue.sendDelayed(queue, { type: "job", payload: { units } }, units * unitMs);
      sent.set(units, { from, to: stage.now() });
      ids.push(id);
    }
    // The order in which they are due, however long the sends took.
    const wanted = [...sent].toSorted(
      ([a, one], [b, other]) => one.from + a * unitMs - other.from - b * unitMs,
    );
    const other = await stage.connect();
    const waiting = await stage.done("the list", other.queue.delayed(queue));
    assert.deepEqual(
      waiting.map(({ message }) => message?.payload),
      wanted.map(([units]) => ({ units })),
      "in the order in which they are due",
    );
    for (const [index, { dueAt, message }] of waiting.entries()) {
      const [units, { from, to }] = wanted[index]!;
      const acceptedAt = dueAt.getTime() - units * unitMs;
      assert.ok(
        acceptedAt >= from && acceptedAt <= to + stage.timing.earlyMs,
        `it says when it is due; ${acceptedAt - from} ms off`,
      );
      const scheduledAt = message?.scheduledAt?.getTime() ?? 0;
      assert.ok(scheduledAt <= dueAt.getTime() && scheduledAt >= from, "it is not before it was meant to be");
    }
    const { delayed } = await stage.done("the counts", other.queue.stats(queue));
    if (delayed !== undefined) assert.ok(delayed >= 3, `${delayed} are delayed`);
    assert.equal((await stage.done("a short list", other.queue.delayed(queue, { limit: 1 }))).length, 1);
    const inbox = stage.inbox();
    other.receive(queue, inbox.handler());
    await stage.until("two arrive", () => inbox.size >= 2, 3 * unitMs + stage.timing.patienceMs);
    await stage.until(
      "they are gone from the store",
      async () => (await stage.done("a list", peer.queue.delayed(queue))).length === 1,
    );
    const [last] = await stage.done("the last list", peer.queue.delayed(queue));
    assert.equal(last?.message?.id, ids[2]);
    assert.equal(await stage.done("cancel", peer.queue.cancel(last?.handle ?? "")), true);
    assert.deepEqual(await stage.done("an empty list", peer.queue.delayed(queue)), []);
    assert.equal(inbox.duplicates, 0);
  },
  (_declared, { openDelayStore }) => (openDelayStore === undefined ? "there is no delay store" : undefined),
);

const notListed = check(
  "delay.cancel",
  "delayed messages are not listed where there is no delay store: not_supported",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    await assert.rejects(peer.queue.delayed(queue), refusal("not_supported", "delayStore"));
  },
  (_declared, { openDelayStore }) => (openDelayStore === undefined ? undefined : "there is a delay store"),
);

export const cancelCases: readonly ConformanceCase[] = [cancelled, notCancellable, stored, notListed];
