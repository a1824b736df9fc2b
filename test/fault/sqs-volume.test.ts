import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import { siblingQueue } from "../../src/driver/index.ts";
import { entriesOf, isOf, type SqsLine, SqsBed } from "../support/sqs-bed.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const RECEIVE = "ReceiveMessage";
const CHANGE = "ChangeMessageVisibilityBatch";
const SEND = "SendMessageBatch";
const BACKLOG = 10_000;
const SECOND = 1_000;
const PATIENCE = { timeout: 150_000, interval: 50 };

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: SQS by the thousand. ${missing}`);

describe.skipIf(missing !== undefined)("SQS by the thousand", () => {
  let bed: SqsBed;
  beforeAll(async () => {
    bed = await SqsBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  async function isEmpty(line: SqsLine): Promise<void> {
    await vi.waitFor(async () => expect(await line.left()).toBe(0), PATIENCE);
  }

  test(
    `a backlog of ${BACKLOG}, fifty at a time: at most 0.33 requests a message`,
    { timeout: 400_000 },
    async () => {
      await using line = await bed.line({ leaseMs: 60_000, waitSeconds: 20 });
      const ids = await line.fill(BACKLOG);
      const seen = new Set<string>();
      const since = Date.now();
      const stop = line.receive(async ({ id }) => void seen.add(id), { concurrency: 50, leaseMs: 60_000 });
      await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), PATIENCE);
      const seconds = (Date.now() - since) / SECOND;
      await isEmpty(line);
      // Whatever it was for: parking, traits and the end of the backlog included.
      const each = line.seen.length / BACKLOG;
      const stopped = stop();
      console.log(
        `${BACKLOG} messages: ${each} requests each (${[...line.proxy.counts].join("; ")}); ${Math.round(BACKLOG / seconds)} a second`,
      );
      expect(new Set(ids)).toEqual(seen);
      expect(each).toBeLessThanOrEqual(0.33);
      await stopped;
    },
  );

  test(
    `every connection is cut at one third and at one half of ${BACKLOG}: none is lost`,
    { timeout: 400_000 },
    async () => {
      await using line = await bed.line();
      const ids = await line.fill(BACKLOG);
      const seen = new Set<string>();
      let runs = 0;
      let failedPolls = 0;
      const onEvent = ({ event }: JobEvent | ReceiveEvent): void => {
        if (event === "poll_failed") failedPolls += 1;
      };
      const stop = line.receive(
        async ({ id }) => {
          seen.add(id);
          runs += 1;
          if (runs === Math.floor(BACKLOG / 3) || runs === BACKLOG / 2) line.proxy.cutAll();
        },
        { concurrency: 50, leaseMs: 15_000, onEvent },
      );
      await vi.waitFor(() => expect(seen.size).toBe(BACKLOG), PATIENCE);
      await isEmpty(line);
      await stop();
      console.log(
        `${BACKLOG} messages, two cuts: ${failedPolls} polls failed, ${runs - BACKLOG} jobs were run twice`,
      );
      expect(failedPolls).toBeGreaterThan(0);
      expect(new Set(ids)).toEqual(seen);
      // What had been acknowledged, and its answer was lost, is no run more; the rest was in hand.
      expect(runs - BACKLOG).toBeLessThanOrEqual(2 * 160);
    },
  );

  describe("over time", { concurrent: true, timeout: 300_000 }, () => {
    test("an idle worker asks each of its queues three times a minute", async () => {
      await using line = await bed.line({ waitSeconds: undefined });
      const queues = [line.name, siblingQueue(line.name, "-delay")];
      const stop = line.receive(async () => {});
      await vi.waitFor(
        () => expect(queues.map((queue) => line.calls(RECEIVE, queue).length)).toEqual([2, 2]),
        PATIENCE,
      );
      for (const queue of queues) {
        const [first, second] = line.calls(RECEIVE, queue);
        const perMinute = (60 * SECOND) / ((second?.at ?? 0) - (first?.at ?? 0));
        console.log(`an idle worker: ${perMinute.toFixed(2)} requests a minute to ${queue}`);
        expect(perMinute).toBeLessThanOrEqual(3.1);
      }
      // Nothing beside the polls, but what it asks once at its start.
      expect(line.seen.length - 4).toBeLessThanOrEqual(3);
      await stop();
    });

    test("a delay of 72 h takes seven hops at most, an hour being a second", async () => {
      const hour = SECOND;
      const limits = { nativeDelayMs: 0, maxHopMs: 12 * hour };
      await using line = await bed.line({ limits });
      const parking = siblingQueue(line.name, "-delay");
      const arrived: number[] = [];
      const stop = line.receive(async () => void arrived.push(Date.now()));
      const since = Date.now();
      await line.queue.sendDelayed(line.name, { type: "job", payload: {} }, { milliseconds: 72 * hour });
      await vi.waitFor(() => expect(arrived).toHaveLength(1), PATIENCE);
      await stop();
      const hops = line.calls(CHANGE, parking).flatMap(entriesOf);
      const tookMs = (arrived[0] as number) - since;
      console.log(`72 h: ${hops.length} hops; arrived ${tookMs - 72 * hour} ms late`);
      expect(hops.length).toBeLessThanOrEqual(7);
      expect(line.calls(SEND, line.name)).toHaveLength(1);
      expect(tookMs).toBeGreaterThanOrEqual(72 * hour);
      // A hop more, or one that nobody was there for, would be twelve.
      expect(tookMs).toBeLessThan(82 * hour);
    });

    test("a parking queue that is crowded lets them wait by SQS's own delay", async () => {
      const limits = { nativeDelayMs: 2 * SECOND, maxHopMs: 60 * SECOND, maxInFlight: 6 };
      await using line = await bed.line({ limits });
      const parking = siblingQueue(line.name, "-delay");
      const arrived = new Set<string>();
      const stop = line.receive(async ({ id }) => void arrived.add(id));
      const sending = Array.from({ length: 8 }, () =>
        line.queue.sendDelayed(line.name, { type: "job", payload: {} }, { seconds: 9 }),
      );
      const ids = (await Promise.all(sending)).map(({ id }) => id);
      await vi.waitFor(() => expect(arrived).toEqual(new Set(ids)), PATIENCE);
      await stop();
      const waits = line.calls(SEND, parking).flatMap(entriesOf);
      expect(waits.length).toBeGreaterThan(ids.length);
      expect(waits.every(({ DelaySeconds }) => Number(DelaySeconds) > 0 && Number(DelaySeconds) <= 2)).toBe(
        true,
      );
    });

    test("a handler five leases long runs once", async () => {
      await using line = await bed.line();
      const attempts: number[] = [];
      const stop = line.receive(
        async (_, { attempt }) => {
          attempts.push(attempt);
          await sleep(60 * SECOND);
        },
        { leaseMs: 12 * SECOND },
      );
      await line.fill(1);
      await vi.waitFor(() => expect(line.calls("DeleteMessageBatch", line.name)).toHaveLength(1), PATIENCE);
      await isEmpty(line);
      await stop();
      expect(attempts).toEqual([1]);
    });

    test("acknowledgements and extensions do not wait behind polls", async () => {
      await using line = await bed.line({ waitSeconds: 20 });
      // All the polls of thirty queues wait, and each has a socket.
      const idle = await Promise.all(Array.from({ length: 30 }, () => bed.line()));
      const stops = new AbortController();
      const receiving = idle.map(({ name }) =>
        line.queue.receive(name, async () => {}, { signal: stops.signal }),
      );
      await vi.waitFor(() => expect(line.calls(RECEIVE).length).toBeGreaterThanOrEqual(60), PATIENCE);
      let acked = 0;
      line.proxy.on(
        {
          operation: "DeleteMessageBatch",
          where: (call) => isOf(line.name)(call) && (acked = Date.now()) < 0,
        },
        { kind: "black_hole" },
      );
      let handled = 0;
      const stop = line.receive(async () => void (handled = Date.now()));
      await line.fill(1);
      await vi.waitFor(() => expect(acked).toBeGreaterThan(0), PATIENCE);
      // A poll lasts twenty seconds, and no acknowledgement waits for the end of one.
      expect(acked - handled).toBeLessThan(10_000);
      stops.abort();
      await Promise.all([stop(), ...receiving]);
      await Promise.all(idle.map((one) => one[Symbol.asyncDispose]()));
    });
  });
});
