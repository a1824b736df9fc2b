import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import { siblingQueue } from "../../src/driver/index.ts";
import { entriesOf, isFor, type ProxiedQueue, SqsFixture } from "../support/sqs-fixture.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const RECEIVE = "ReceiveMessage";
const CHANGE = "ChangeMessageVisibilityBatch";
const SEND = "SendMessageBatch";
const BACKLOG = 10_000;
const SECOND = 1_000;
const PATIENCE = { timeout: 150_000, interval: 50 };

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: thousands of messages on SQS. ${missing}`);

describe.skipIf(missing !== undefined)("with thousands of messages on SQS", () => {
  let fixture: SqsFixture;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  async function isEmpty(proxied: ProxiedQueue): Promise<void> {
    await vi.waitFor(async () => expect(await proxied.backlog()).toBe(0), PATIENCE);
  }

  test(
    `a backlog of ${BACKLOG} costs at most 0.33 requests a message, when fifty handlers run at once`,
    { timeout: 400_000 },
    async () => {
      await using proxied = await fixture.proxiedQueue({ leaseMs: 60_000, waitSeconds: 20 });
      const ids = await proxied.fill(BACKLOG);
      const seen = new Set<string>();
      const since = Date.now();
      const stop = proxied.receive(async ({ id }) => void seen.add(id), { concurrency: 50, leaseMs: 60_000 });
      await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), PATIENCE);
      const seconds = (Date.now() - since) / SECOND;
      await isEmpty(proxied);
      // Includes the requests to the delay queue, those for traits, and the polls at the end of the backlog.
      const each = proxied.seen.length / BACKLOG;
      const stopped = stop();
      console.log(
        `${BACKLOG} messages: ${each} requests each (${[...proxied.proxy.counts].join("; ")}); ${Math.round(BACKLOG / seconds)} a second`,
      );
      expect(new Set(ids)).toEqual(seen);
      expect(each).toBeLessThanOrEqual(0.33);
      await stopped;
    },
  );

  test(
    `no message of ${BACKLOG} is lost when every connection is cut at one third and at one half`,
    { timeout: 400_000 },
    async () => {
      await using proxied = await fixture.proxiedQueue();
      const ids = await proxied.fill(BACKLOG);
      const seen = new Set<string>();
      let runs = 0;
      let failedPolls = 0;
      const onEvent = ({ event }: JobEvent | ReceiveEvent): void => {
        if (event === "poll_failed") failedPolls += 1;
      };
      const stop = proxied.receive(
        async ({ id }) => {
          seen.add(id);
          runs += 1;
          if (runs === Math.floor(BACKLOG / 3) || runs === BACKLOG / 2) proxied.proxy.cutAll();
        },
        { concurrency: 50, leaseMs: 15_000, onEvent },
      );
      await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), PATIENCE);
      await isEmpty(proxied);
      await stop();
      console.log(
        `${BACKLOG} messages, two cuts: ${failedPolls} polls failed, ${runs - BACKLOG} jobs ran twice`,
      );
      expect(failedPolls).toBeGreaterThan(0);
      expect(new Set(ids)).toEqual(seen);
      // An acknowledgement whose answer was lost costs no run. Only messages that were held at a cut run twice.
      expect(runs - BACKLOG).toBeLessThanOrEqual(2 * 160);
    },
  );

  describe("in real time", { concurrent: true, timeout: 300_000 }, () => {
    test("an idle worker polls each of its queues three times a minute", async () => {
      await using proxied = await fixture.proxiedQueue({ waitSeconds: undefined });
      const queues = [proxied.name, siblingQueue(proxied.name, "-delay")];
      const stop = proxied.receive(async () => {});
      await vi.waitFor(
        () => expect(queues.map((queue) => proxied.calls(RECEIVE, queue).length)).toEqual([2, 2]),
        PATIENCE,
      );
      for (const queue of queues) {
        const [first, second] = proxied.calls(RECEIVE, queue);
        const perMinute = (60 * SECOND) / ((second?.at ?? 0) - (first?.at ?? 0));
        console.log(`an idle worker: ${perMinute.toFixed(2)} requests a minute to ${queue}`);
        expect(perMinute).toBeLessThanOrEqual(3.1);
      }
      // In addition to the polls, only the requests at the start: URL and size limit of the queue, its dead-letter queue and
      // its delay queue, and whether dead letters can be moved.
      expect(proxied.seen.length - 4).toBeLessThanOrEqual(7);
      await stop();
    });

    test("a delay of 72 hours takes at most seven hops, with hours shortened to seconds", async () => {
      const hour = SECOND;
      const limits = { nativeDelayMs: 0, maxHopMs: 12 * hour };
      await using proxied = await fixture.proxiedQueue({ limits });
      const delayQueue = siblingQueue(proxied.name, "-delay");
      const arrived: number[] = [];
      const stop = proxied.receive(async () => void arrived.push(Date.now()));
      const since = Date.now();
      await proxied.queue.sendDelayed(
        proxied.name,
        { type: "job", payload: {} },
        { milliseconds: 72 * hour },
      );
      await vi.waitFor(() => expect(arrived).toHaveLength(1), PATIENCE);
      await stop();
      const hops = proxied.calls(CHANGE, delayQueue).flatMap(entriesOf);
      const tookMs = (arrived[0] as number) - since;
      console.log(`72 h: ${hops.length} hops; arrived ${tookMs - 72 * hour} ms late`);
      expect(hops.length).toBeLessThanOrEqual(7);
      expect(proxied.calls(SEND, proxied.name)).toHaveLength(1);
      expect(tookMs).toBeGreaterThanOrEqual(72 * hour);
      // One more hop, or one that no worker handled, would add twelve hours.
      expect(tookMs).toBeLessThan(82 * hour);
    });

    test("messages in a crowded delay queue wait with SQS's own delay", async () => {
      const limits = { nativeDelayMs: 2 * SECOND, maxHopMs: 60 * SECOND, maxInFlight: 6 };
      await using proxied = await fixture.proxiedQueue({ limits });
      const delayQueue = siblingQueue(proxied.name, "-delay");
      const sending = Array.from({ length: 8 }, () =>
        proxied.queue.sendDelayed(proxied.name, { type: "job", payload: {} }, { seconds: 15 }),
      );
      const ids = (await Promise.all(sending)).map(({ id }) => id);
      // The pump looks once a minute how crowded the delay queue is, so its first poll has to bring all of them.
      // All are ready after the native delay of two seconds; the server does not count them as ready before it is polled.
      await sleep(3 * SECOND);
      const arrived = new Set<string>();
      const stop = proxied.receive(async ({ id }) => void arrived.add(id));
      await vi.waitFor(() => expect(arrived).toEqual(new Set(ids)), PATIENCE);
      await stop();
      const waits = proxied.calls(SEND, delayQueue).flatMap(entriesOf);
      expect(waits.length).toBeGreaterThan(ids.length);
      expect(waits.every(({ DelaySeconds }) => Number(DelaySeconds) > 0 && Number(DelaySeconds) <= 2)).toBe(
        true,
      );
    });

    test("a handler that takes five leases runs once", async () => {
      await using proxied = await fixture.proxiedQueue();
      const attempts: number[] = [];
      const stop = proxied.receive(
        async (_, { attempt }) => {
          attempts.push(attempt);
          await sleep(60 * SECOND);
        },
        { leaseMs: 12 * SECOND },
      );
      await proxied.fill(1);
      await vi.waitFor(
        () => expect(proxied.calls("DeleteMessageBatch", proxied.name)).toHaveLength(1),
        PATIENCE,
      );
      await isEmpty(proxied);
      await stop();
      expect(attempts).toEqual([1]);
    });

    test("acknowledgements and extensions do not wait behind polls", async () => {
      await using proxied = await fixture.proxiedQueue({ waitSeconds: 20 });
      // Thirty idle queues, whose polls occupy one socket each.
      const idle = await Promise.all(Array.from({ length: 30 }, () => fixture.proxiedQueue()));
      const stops = new AbortController();
      const receiving = idle.map(({ name }) =>
        proxied.queue.receive(name, async () => {}, { signal: stops.signal }),
      );
      await vi.waitFor(() => expect(proxied.calls(RECEIVE).length).toBeGreaterThanOrEqual(60), PATIENCE);
      let acked = 0;
      proxied.proxy.on(
        {
          operation: "DeleteMessageBatch",
          where: (call) => isFor(proxied.name)(call) && (acked = Date.now()) < 0,
        },
        { kind: "black_hole" },
      );
      let handled = 0;
      const stop = proxied.receive(async () => void (handled = Date.now()));
      await proxied.fill(1);
      await vi.waitFor(() => expect(acked).toBeGreaterThan(0), PATIENCE);
      // A poll takes twenty seconds, so an acknowledgement that waits for one would take longer.
      expect(acked - handled).toBeLessThan(10_000);
      stops.abort();
      await Promise.all([stop(), ...receiving]);
      await Promise.all(idle.map((one) => one[Symbol.asyncDispose]()));
    });
  });
});
