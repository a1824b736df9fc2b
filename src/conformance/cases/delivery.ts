import assert from "node:assert/strict";
import { alone, caseMaker, type ConformanceCase } from "../case.ts";
import { countDuplicates, job, missingQueue, refusal } from "../kit/jobs.ts";

const check = caseMaker("delivery");

const apart = check(
  "delivery.apart",
  "nothing crosses between two queues of one connection",
  async (stage) => {
    const queues = [await stage.makeQueue(), await stage.makeQueue()];
    const peer = await stage.connect();
    const inboxes = queues.map(() => stage.inbox());
    queues.forEach((queue, index) => peer.receive(queue, inboxes[index]!.handler()));
    const sent = await Promise.all(
      Array.from({ length: 40 }, (_, index) => peer.queue.send(queues[index % 2]!, job(index))),
    );
    await stage.until("all arrive", () => inboxes.every(({ size }) => size >= 20));
    await stage.pass(stage.lateMs);
    for (const [index, inbox] of inboxes.entries()) {
      const own = sent.filter((_, at) => at % 2 === index).map(({ id }) => id);
      assert.deepEqual(inbox.arrivals.map(({ message }) => message.id).toSorted(), own.toSorted());
      for (const { message } of inbox.arrivals) assert.equal((message.payload as number) % 2, index);
    }
  },
);

const crowd = check(
  "delivery.crowd",
  "5,000 messages from 50 senders to 50 handlers: none is lost",
  async (stage) => {
    const queue = await stage.makeQueue();
    const sender = await stage.connect();
    const receiver = await stage.connect();
    const inbox = stage.inbox();
    const ids: string[] = [];
    const half = async (who: number): Promise<void> => {
      for (let index = 0; index < 50; index += 1) {
        ids.push((await sender.queue.send(queue, job({ who, index }))).id);
      }
    };
    const halves = (): Promise<unknown> => Promise.all(Array.from({ length: 50 }, (_, who) => half(who)));
    await stage.done("one half is sent", halves());
    // There is a backlog now, and more is sent while it is received. The first wait for each other: however slow the
    // server is, it has enough to fill the slots.
    const crowded = Promise.withResolvers<void>();
    const receiving = receiver.receive(
      queue,
      inbox.handler(() => {
        if (inbox.mostRunning >= 25) crowded.resolve();
        return crowded.promise;
      }),
      { concurrency: 50 },
    );
    await stage.done("the other half is sent", halves());
    assert.equal(new Set(ids).size, 5_000, "every send has an id of its own");
    await stage.until("all arrive", () => inbox.size >= 5_000);
    await stage.done("the receiver stops", receiving.stop());
    assert.ok(
      ids.every((id) => inbox.count(id) > 0),
      "every id that was sent has arrived",
    );
    assert.equal(inbox.size, 5_000, "and no other");
    assert.ok(inbox.mostRunning <= 50, `at most 50 handlers run at once; there were ${inbox.mostRunning}`);
    assert.ok(
      inbox.mostRunning >= 25,
      `a backlog keeps the handlers busy; only ${inbox.mostRunning} ran at once`,
    );
    countDuplicates(stage, inbox.duplicates, 50);
    await stage.assertEmpty(queue);
  },
);

const manyQueues = check(
  "delivery.many_queues",
  "20 queues at once, 100 messages each: every queue is complete",
  async (stage) => {
    const queues = await Promise.all(Array.from({ length: 20 }, () => stage.makeQueue()));
    const peer = await stage.connect();
    const inboxes = queues.map(() => stage.inbox());
    queues.forEach((queue, index) => peer.receive(queue, inboxes[index]!.handler()));
    const sent = await Promise.all(queues.map((queue) => stage.sendMany(peer, queue, 100)));
    await stage.until("every queue is complete", () => inboxes.every(({ size }) => size >= 100));
    for (const [index, ids] of sent.entries()) {
      assert.ok(
        ids.every((id) => inboxes[index]!.count(id) > 0),
        `queue ${index} has its own messages`,
      );
      assert.equal(inboxes[index]!.size, 100, `queue ${index} has no others`);
    }
    countDuplicates(
      stage,
      inboxes.reduce((sum, { duplicates }) => sum + duplicates, 0),
      20,
    );
  },
);

const beforeReceiver = check(
  "delivery.before_receiver",
  "what was sent before there was a receiver is received",
  async (stage) => {
    const queue = await stage.makeQueue();
    const sender = await stage.connect();
    const ids = await stage.sendMany(sender, queue, 10);
    await stage.done("the sender closes", sender.queue.close());
    await stage.pass(stage.timing.unitMs);
    const inbox = stage.inbox();
    (await stage.connect()).receive(queue, inbox.handler());
    await stage.until("all arrive", () => inbox.size >= 10);
    assert.deepEqual(inbox.arrivals.map(({ message }) => message.id).toSorted(), ids.toSorted());
  },
);

const replaced = check(
  "delivery.replaced_receiver",
  "a receiver that stops and is replaced, five times over, loses nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const ids = await stage.sendMany(await stage.connect(), queue, 300);
    const inbox = stage.inbox();
    for (let round = 1; round <= 5; round += 1) {
      const peer = await stage.connect();
      const receiving = peer.receive(
        queue,
        inbox.handler(() => stage.sleep(5)),
      );
      await stage.until(`round ${round} gets its share`, () => inbox.size >= round * 40);
      await stage.done("the receiver stops", receiving.stop());
      assert.equal(inbox.running, 0, "a receiver that has stopped runs nothing");
      await stage.done("its process ends", peer.queue.close());
    }
    assert.ok(inbox.size < 300, "there is something left for the last one");
    (await stage.connect()).receive(queue, inbox.handler());
    await stage.until("all arrive", () => inbox.size >= 300);
    assert.ok(ids.every((id) => inbox.count(id) > 0));
    countDuplicates(stage, inbox.duplicates, 0);
  },
);

const startAndClose = check(
  "delivery.start_and_close",
  "ten receivers that start and close at the same moment leave the queue healthy",
  async (stage) => {
    const queue = await stage.makeQueue();
    const ids = await stage.sendMany(await stage.connect(), queue, 30);
    const inbox = stage.inbox();
    const peers = await Promise.all(Array.from({ length: 10 }, () => stage.connect()));
    const all = peers.map((peer) => peer.receive(queue, inbox.handler()));
    await stage.done("all stop", Promise.all(all.map((receiving) => receiving.stop())));
    await stage.done("all close", Promise.all(peers.map((peer) => peer.queue.close())));
    const more = await stage.sendMany(await stage.connect(), queue, 10);
    (await stage.connect()).receive(queue, inbox.handler());
    const wanted = [...ids, ...more];
    await stage.until(
      "the queue is healthy",
      () => wanted.every((id) => inbox.count(id) > 0),
      stage.leaseMs / 2,
    );
    countDuplicates(stage, inbox.duplicates, 0);
  },
);

const aborted = check(
  "delivery.aborted",
  "with a signal that had aborted, send and receive reject with its reason and do nothing",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    const reason = new Error("no longer wanted");
    const signal = AbortSignal.abort(reason);
    const isReason = (error: unknown): boolean => error === reason;
    let requests = 0;
    peer.taps.send = (_queue, messages, pass) => {
      requests += 1;
      return pass(messages);
    };
    peer.taps.receive = (_queue, pass) => {
      requests += 1;
      return pass();
    };
    const inbox = stage.inbox();
    await assert.rejects(peer.queue.send(queue, job(1), { signal }), isReason);
    await assert.rejects(peer.queue.sendBatch(queue, [job(1), job(2)], { signal }), isReason);
    await assert.rejects(peer.queue.sendDelayed(queue, job(1), stage.timing.unitMs, { signal }), isReason);
    await stage.sendMany(await stage.connect(), queue, 1);
    await assert.rejects(peer.queue.receive(queue, inbox.handler(), { signal }), isReason);
    await stage.pass(stage.timing.unitMs + stage.lateMs);
    assert.equal(requests, 0, "nothing was asked of the provider");
    assert.equal(inbox.arrivals.length, 0, "no handler was called");
    peer.receive(queue, inbox.handler());
    await stage.until("the one that was sent arrives", () => inbox.arrivals.length > 0);
    await stage.pass(stage.lateMs);
    assert.equal(inbox.arrivals.length, 1, "nothing else was sent");
  },
);

const missing = check(
  "delivery.missing_queue",
  "send and receive on a missing queue: not_found, with its name",
  async (stage) => {
    const queue = missingQueue(stage);
    const peer = await stage.connect();
    const namesIt = refusal("not_found", queue);
    await assert.rejects(stage.done("send rejects", peer.queue.send(queue, job(1))), namesIt);
    const inbox = stage.inbox();
    const receiving = peer.queue.receive(queue, inbox.handler(), { leaseMs: stage.leaseMs });
    await assert.rejects(stage.done("receive rejects", receiving), namesIt);
  },
  ({ limits }) => (limits.createsQueues ? "queues come into being on first use" : undefined),
);

const created = check(
  "delivery.missing_queue",
  "a missing queue comes into being on first use",
  async (stage) => {
    const queue = missingQueue(stage);
    const peer = await stage.connect();
    const { id } = await peer.queue.send(queue, job(1));
    const inbox = stage.inbox();
    peer.receive(queue, inbox.handler());
    await stage.until("the message arrives", () => inbox.arrivals.length > 0);
    assert.equal(inbox.arrivals[0]?.message.id, id);
    peer.receive(`${queue}-2`, inbox.handler());
    await stage.pass(stage.timing.unitMs);
    await peer.queue.send(`${queue}-2`, job(2));
    await stage.until("a receiver creates its queue too", () => inbox.arrivals.length > 1);
  },
  ({ limits }) => (limits.createsQueues ? undefined : "queues are not created on first use"),
);

const closed = check(
  "delivery.closed",
  "after close, send is refused as closed; a second close is fine",
  async (stage) => {
    const queue = await stage.makeQueue();
    const peer = await stage.connect();
    await peer.queue.send(queue, job(1));
    await stage.done("close", peer.queue.close());
    await stage.done("a second close", peer.queue.close());
    const refused = refusal("closed");
    await assert.rejects(peer.queue.send(queue, job(2)), refused);
    await assert.rejects(peer.queue.sendBatch(queue, [job(2)]), refused);
    await assert.rejects(
      peer.queue.receive(queue, async () => {}),
      refused,
    );
    await assert.rejects(peer.queue.stats(queue), refused);
    const inbox = stage.inbox();
    (await stage.connect()).receive(queue, inbox.handler());
    await stage.until("what was sent before arrives", () => inbox.arrivals.length > 0);
    await stage.pass(stage.lateMs);
    assert.deepEqual(
      inbox.arrivals.map(({ message }) => message.payload),
      [1],
    );
  },
);

const closedWhileSending = check("delivery.closed", "close first sends what was accepted", async (stage) => {
  const queue = await stage.makeQueue();
  const peer = await stage.connect();
  await peer.queue.send(queue, job("first"));
  const sends = Array.from({ length: 20 }, (_, index) => peer.queue.send(queue, job(index)));
  const settled = Promise.allSettled(sends);
  await stage.pass(0);
  await stage.done("close", peer.queue.close());
  const sent = (await stage.done("the sends end", settled)).flatMap((send) =>
    send.status === "fulfilled" ? [send.value.id] : [],
  );
  const inbox = stage.inbox();
  (await stage.connect()).receive(queue, inbox.handler());
  await stage.until("what was confirmed arrives", () => sent.every((id) => inbox.count(id) === 1));
  assert.equal(sent.length, 20, "what was accepted before the close is sent");
});

export const deliveryCases: readonly ConformanceCase[] = [
  apart,
  alone(crowd),
  alone(manyQueues),
  beforeReceiver,
  replaced,
  startAndClose,
  aborted,
  missing,
  created,
  closed,
  closedWhileSending,
];
