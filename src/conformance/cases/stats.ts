import assert from "node:assert/strict";
import { PermanentError } from "../../errors.ts";
import type { QueueStats } from "../../queue/queue.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { job } from "../kit/jobs.ts";
import type { Peer } from "../kit/peer.ts";
import { unlessParks } from "../kit/skips.ts";
import type { Stage } from "../kit/stage.ts";

const check = caseMaker("lifecycle");

type Counts = Readonly<Record<"messages" | "inFlight" | "delayed" | "failed", number>>;

/** Waits until every count that the provider can tell is as expected; a count is told always or never. */
async function countsBecome(
  stage: Stage,
  peer: Peer,
  queue: string,
  told: Map<string, boolean>,
  expected: Counts,
): Promise<void> {
  let got: Partial<QueueStats> = {};
  const wanted = { ...expected, backlog: expected.messages + expected.inFlight };
  const isSo = async (): Promise<boolean> => {
    const { messages, inFlight, backlog, delayed, failed } = await peer.queue.stats(queue);
    got = { messages, inFlight, backlog, delayed, failed };
    for (const [name, value] of Object.entries(got)) {
      const before = told.get(name);
      assert.ok(before === undefined || before === (value !== undefined), `${name} is told always or never`);
      told.set(name, value !== undefined);
    }
    return Object.entries(wanted).every(([name, value]) => {
      const count = got[name as keyof typeof got];
      return count === undefined || count === value;
    });
  };
  try {
    await stage.until("the counts", isSo);
  } catch (cause) {
    throw new Error(`counts: ${JSON.stringify(got)}; expected ${JSON.stringify(wanted)}`, { cause });
  }
}

const moving = check(
  "lifecycle.stats",
  "counts of ready, leased, delayed and dead-lettered messages move as they should",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const told = new Map<string, boolean>();
    const become = (messages: number, inFlight: number, delayed: number, failed: number): Promise<void> =>
      countsBecome(stage, peer, queue, told, { messages, inFlight, delayed, failed });
    await become(0, 0, 0, 0);
    await stage.sendMany(peer, queue, 3);
    await become(3, 0, 0, 0);
    // Far enough off not to fall due before it has been looked at.
    const delayMs = 60 * unitMs;
    await peer.queue.sendDelayed(queue, job("delayed"), delayMs);
    await become(3, 0, 1, 0);
    const inbox = stage.inbox();
    const go = Promise.withResolvers<void>();
    let failures = 0;
    const receiving = peer.receive(
      queue,
      inbox.handler(async () => {
        await go.promise;
        failures += 1;
        if (failures === 1) throw new PermanentError("never");
      }),
      { concurrency: 2 },
    );
    await stage.until("two are leased", () => inbox.running === 2);
    await become(1, 2, 1, 0);
    const stopped = receiving.stop();
    go.resolve();
    await stage.done("the drain", stopped);
    await become(1, 0, 1, 1);
    assert.ok(inbox.arrivals.length === 2);
    const notTold = [...told].filter(([, isTold]) => !isTold).map(([name]) => name);
    if (notTold.length > 0) stage.notes.push(`not told: ${notTold.join(", ")}`);
    const { asOf } = await peer.queue.stats(queue);
    assert.ok(
      Math.abs(stage.now() - asOf.getTime()) <= stage.timing.patienceMs,
      "it says when the figures held",
    );
  },
);

const parked = check(
  "lifecycle.stats",
  "a parked message counts as delayed, until it is moved",
  async (stage) => {
    const { unitMs } = stage.timing;
    const queue = await stage.makeQueue();
    const peer = await stage.connect({ limits: { nativeDelayMs: 0, maxHopMs: unitMs } });
    const told = new Map<string, boolean>();
    // Far enough off not to fall due before it has been looked at twice.
    await peer.queue.sendDelayed(queue, job(), 8 * unitMs);
    await countsBecome(stage, peer, queue, told, { messages: 0, inFlight: 0, delayed: 1, failed: 0 });
    const inbox = stage.inbox();
    const receiving = peer.receive(queue, inbox.handler());
    await stage.pass(1.5 * unitMs);
    await countsBecome(stage, peer, queue, told, { messages: 0, inFlight: 0, delayed: 1, failed: 0 });
    await stage.until("it arrives", () => inbox.size > 0);
    await stage.done("the receiver stops", receiving.stop());
    await countsBecome(stage, peer, queue, told, { messages: 0, inFlight: 0, delayed: 0, failed: 0 });
  },
  unlessParks,
);

export const statsCases: readonly ConformanceCase[] = [moving, parked];
