import assert from "node:assert/strict";
import { DriverError } from "../../driver/error.ts";
import { isQueueError } from "../../errors.ts";
import { caseMaker, type ConformanceCase } from "../case.ts";
import { timingOf } from "../harness.ts";
import { job } from "../kit/jobs.ts";
import { failSome } from "../kit/line.ts";

const check = caseMaker("acknowledgement");

const expires = check(
  "acknowledgement.lease",
  "a lease that expires without ack redelivers, and not before",
  async (stage) => {
    const queue = await stage.makeQueue();
    const doomed = await stage.connect();
    const { id } = await doomed.queue.send(queue, job());
    const inbox = stage.inbox();
    // The lease begins at the provider, some time between here and the moment at which the message is seen.
    const askedAt = stage.now();
    doomed.receive(
      queue,
      inbox.handler(() => stage.hang()),
      { concurrency: 1 },
    );
    await stage.until("it is leased", () => inbox.size > 0);
    const leasedAt = stage.now();
    await doomed.kill();
    (await stage.connect()).receive(queue, inbox.handler());
    await stage.until("it comes again", () => inbox.count(id) > 1);
    const second = inbox.of(id)[1];
    assert.ok(second);
    stage.onTime(
      "the second delivery",
      second.at,
      askedAt + stage.leaseMs,
      stage.lateMs + leasedAt - askedAt,
    );
    assert.deepEqual(inbox.attempts(id), [1, 2]);
  },
);

const isKept = check(
  "acknowledgement.lease",
  "a handler longer than its lease is kept alive by extension and runs once",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peers = [await stage.connect(), await stage.connect()];
    const ids = await stage.sendMany(peers[0]!, queue, 3);
    const inbox = stage.inbox();
    const lost: string[] = [];
    let finished = 0;
    const behave = inbox.handler(async (_arrival, { signal }) => {
      await stage.sleep(3.5 * stage.leaseMs, signal);
      assert.ok(!signal.aborted, "its signal has not aborted");
      finished += 1;
    });
    const all = peers.map((peer) =>
      peer.receive(queue, behave, { onEvent: ({ event }) => event === "lease_lost" && lost.push(event) }),
    );
    await stage.until("the handlers finish", () => finished === 3, 5 * stage.leaseMs);
    await stage.done("the receivers stop", Promise.all(all.map((receiving) => receiving.stop())));
    await stage.assertEmpty(queue);
    assert.deepEqual(
      ids.map((id) => inbox.attempts(id)),
      [[1], [1], [1]],
    );
    assert.deepEqual(lost, []);
  },
  ({ limits }, harness) =>
    limits.maxTotalLeaseMs < 5 * timingOf(harness).leaseMs
      ? `one delivery is held for at most ${limits.maxTotalLeaseMs} ms`
      : undefined,
);

const lost = check(
  "acknowledgement.lease",
  "a handler whose lease is not extended is told so by its end, and its result counts for nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const [first, second] = [await stage.connect(), await stage.connect()];
    const acks: string[] = [];
    first.taps.settle = (_queue, operations, pass) => {
      // Its own receiver may be who gets it again; the run that was fenced is that of the first delivery.
      const fenced = operations.filter(
        ({ kind, delivery }) => kind === "ack" && delivery.deliveryCount === 1,
      );
      acks.push(...fenced.map(({ kind }) => kind));
      const fails = ({ kind }: (typeof operations)[number]): boolean => kind === "extend";
      return failSome(operations, fails, new DriverError("transient", "extensions do not get through"), pass);
    };
    const { id } = await first.queue.send(queue, job());
    const inbox = stage.inbox();
    let told: unknown;
    const losing = first.receive(
      queue,
      inbox.handler(async (_arrival, { signal }) => {
        await stage.sleep(stage.leaseMs + stage.lateMs / 2, signal);
        told = signal.reason;
      }),
    );
    await stage.until("it is told", () => told !== undefined, stage.leaseMs + stage.lateMs);
    assert.ok(isQueueError(told, "lease_lost"), `the reason is lease_lost; got ${String(told)}`);
    const stopping = losing.stop();
    const taking = second.receive(queue, inbox.handler());
    await stage.until("it is run again", () => inbox.count(id) >= 2, stage.leaseMs + stage.timing.patienceMs);
    await stage.done("the receivers stop", Promise.all([stopping, taking.stop()]));
    assert.deepEqual(acks, [], "nothing is acknowledged for the run that was fenced");
  },
);

export const leaseCases: readonly ConformanceCase[] = [expires, isKept, lost];
