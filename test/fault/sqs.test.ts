import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import { RetryAfterError } from "../../src/errors.ts";
import { isOf, SqsBed } from "../support/sqs-bed.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const SEND = "SendMessageBatch";
const RECEIVE = "ReceiveMessage";
const ACK = "DeleteMessageBatch";
const CHANGE = "ChangeMessageVisibilityBatch";
const WAIT = { timeout: 90_000, interval: 20 };
const job = { type: "job", payload: {} };

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: faults of SQS. ${missing}`);

describe.skipIf(missing !== undefined)("faults of SQS", () => {
  let bed: SqsBed;
  beforeAll(async () => {
    bed = await SqsBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  describe("an answer is lost", { concurrent: true }, () => {
    test.for(["GetQueueUrl", "GetQueueAttributes"])(
      "to %s: it is asked again, by a sender and by a worker",
      async (operation) => {
        await using line = await bed.line();
        const [atSender, atWorker] = [line.connect(), line.connect()];
        const lost = line.proxy.on({ operation }, { kind: "drop_response" });
        const { id } = await atSender.send(line.name, job);
        expect(lost.hits).toBe(1);
        const again = line.proxy.on({ operation }, { kind: "drop_response" });
        const seen: string[] = [];
        const stop = new AbortController();
        const receiving = atWorker.receive(line.name, async (message) => void seen.push(message.id), {
          signal: stop.signal,
        });
        await vi.waitFor(() => expect(seen).toEqual([id]), WAIT);
        stop.abort();
        await receiving;
        expect(again.hits).toBe(1);
      },
    );

    test.for(["none", "by_key"] as const)(
      "to SendMessageBatch (order: %s): one more request, and no loss",
      async (ordering) => {
        await using line = await bed.line({ ordering });
        const orderingKey = ordering === "by_key" ? "key" : undefined;
        line.proxy.on({ operation: SEND }, { kind: "drop_response" });
        const { id } = await line.queue.send(line.name, { ...job, orderingKey });
        expect(line.calls(SEND)).toHaveLength(2);
        const seen: string[] = [];
        const stop = line.receive(async (message) => void seen.push(message.id));
        await vi.waitFor(() => expect(seen).toContain(id), WAIT);
        await sleep(1_000);
        await stop();
        // Stored both times is what the answer did not say; where SQS deduplicates, it does not happen.
        expect(seen.length).toBeLessThanOrEqual(ordering === "by_key" ? 1 : 2);
        expect(new Set(seen)).toEqual(new Set([id]));
      },
    );

    test("to ReceiveMessage: the message comes again after its lease", async () => {
      await using line = await bed.line();
      await line.queue.send(line.name, job);
      line.proxy.on({ operation: RECEIVE, where: isOf(line.name) }, { kind: "drop_response" });
      const attempts: number[] = [];
      const stop = line.receive(async (_, { attempt }) => void attempts.push(attempt), { leaseMs: 10_000 });
      await vi.waitFor(() => expect(attempts).toHaveLength(1), WAIT);
      await stop();
      expect(attempts[0]).toBeLessThanOrEqual(2);
    });

    test("to ReceiveMessage on a FIFO queue: the next one asks for the same messages", async () => {
      await using line = await bed.line({ ordering: "by_key" });
      line.proxy.on({ operation: RECEIVE, where: isOf(line.name) }, { kind: "drop_response" });
      const stop = line.receive(async () => {});
      await vi.waitFor(() => expect(line.calls(RECEIVE, line.name).length).toBeGreaterThan(2), WAIT);
      await stop();
      const [first, second, third] = line
        .calls(RECEIVE, line.name)
        .map(({ json }) => json?.["ReceiveRequestAttemptId"]);
      expect(first).toBeTypeOf("string");
      expect(second).toBe(first);
      expect(third).not.toBe(second);
    });

    test("to DeleteMessageBatch: it is made again, and the job is run once", async () => {
      await using line = await bed.line();
      const lost = line.proxy.on({ operation: ACK }, { kind: "drop_response" });
      let runs = 0;
      const stop = line.receive(async () => {
        runs += 1;
      });
      await line.queue.send(line.name, job);
      await lost.applied;
      await vi.waitFor(() => expect(line.calls(ACK)).toHaveLength(2), WAIT);
      await stop();
      expect([runs, await line.left()]).toEqual([1, 0]);
      expect(line.calls(ACK)).toHaveLength(2);
    });

    test("to a release: the message comes again when it was to", async () => {
      await using line = await bed.line();
      line.proxy.on({ operation: CHANGE }, { kind: "drop_response" });
      const runs: number[] = [];
      const stop = line.receive(async (_, { attempt }) => {
        runs.push(Date.now());
        if (attempt === 1) throw new RetryAfterError(2_000);
      });
      await line.queue.send(line.name, job);
      await vi.waitFor(() => expect(runs).toHaveLength(2), WAIT);
      await stop();
      const gapMs = (runs[1] as number) - (runs[0] as number);
      expect(gapMs).toBeGreaterThan(1_900);
      // And not when its lease of thirty seconds ends.
      expect(gapMs).toBeLessThan(15_000);
    });

    test("to an extension: the job is run once, and its lease is kept", async () => {
      await using line = await bed.line();
      const lost = line.proxy.on({ operation: CHANGE }, { kind: "drop_response" });
      let runs = 0;
      const stop = line.receive(
        async () => {
          runs += 1;
          await sleep(18_000);
        },
        { leaseMs: 12_000 },
      );
      await line.queue.send(line.name, job);
      await vi.waitFor(() => expect(line.calls(ACK)).toHaveLength(1), WAIT);
      await stop();
      expect([runs, lost.hits]).toEqual([1, 1]);
    });
  });

  describe("requests are swallowed for five seconds", { concurrent: true }, () => {
    const HOLE_MS = 5_000;
    const quick = { requestTimeoutMs: 500 };

    test("receive: what was sent meanwhile comes when it is over", async () => {
      await using line = await bed.line(quick);
      const seen: string[] = [];
      const stop = line.receive(async ({ id }) => void seen.push(id), { leaseMs: 2_000 });
      await vi.waitFor(() => expect(line.calls(RECEIVE).length).toBeGreaterThan(1), WAIT);
      const hole = line.proxy.on(
        { operation: RECEIVE, times: Number.POSITIVE_INFINITY },
        { kind: "black_hole" },
      );
      const ids = await line.fill(20);
      await sleep(HOLE_MS);
      await vi.waitFor(() => expect(hole.hits).toBeGreaterThan(2), WAIT);
      hole.remove();
      const since = Date.now();
      await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(ids)), WAIT);
      // Polls that failed so often might as well wait for half a minute.
      expect(Date.now() - since).toBeLessThan(20_000);
      await stop();
    });

    test.for([
      ["ack", ACK, 0],
      ["extend", CHANGE, HOLE_MS + 3_000],
    ] as const)("%s: every job is done, and the worker goes on", async ([, operation, workMs]) => {
      await using line = await bed.line(quick);
      const done = new Set<string>();
      const hole = line.proxy.on({ operation, times: Number.POSITIVE_INFINITY }, { kind: "black_hole" });
      let isOver = false;
      const stop = line.receive(
        async ({ id }) => {
          if (!isOver) await sleep(workMs);
          done.add(id);
        },
        { leaseMs: 2_000 },
      );
      const ids = await line.fill(10);
      await hole.applied;
      await sleep(HOLE_MS);
      await vi.waitFor(() => expect(hole.hits).toBeGreaterThan(1), WAIT);
      hole.remove();
      isOver = true;
      ids.push(...(await line.fill(10)));
      await vi.waitFor(() => expect(done).toEqual(new Set(ids)), WAIT);
      await vi.waitFor(async () => expect(await line.left()).toBe(0), WAIT);
      await stop();
    });

    test("an answer that is late: what it brings is no longer ours, and is not run", async () => {
      await using line = await bed.line({ requestTimeoutMs: 60_000 });
      await line.fill(3);
      const held = line.proxy.on(
        { operation: RECEIVE, where: isOf(line.name) },
        { kind: "hold_answer", ms: 12_000 },
      );
      const attempts: number[] = [];
      let lost = 0;
      const onEvent = ({ event }: JobEvent | ReceiveEvent): void => {
        if (event === "lease_lost") lost += 1;
      };
      const stop = line.receive(async (_, { attempt }) => void attempts.push(attempt), {
        leaseMs: 8_000,
        onEvent,
      });
      await vi.waitFor(() => expect(attempts).toEqual([2, 2, 2]), WAIT);
      await stop();
      expect([held.hits, lost]).toEqual([1, 3]);
    });

    test("an answer that stops after its headers is no answer", async () => {
      await using line = await bed.line(quick);
      const seen: string[] = [];
      const broken = line.proxy.on({ operation: RECEIVE, where: isOf(line.name) }, { kind: "break_off" });
      const stop = line.receive(async ({ id }) => void seen.push(id), { leaseMs: 2_000 });
      const ids = await line.fill(3);
      await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(ids)), WAIT);
      await stop();
      expect(broken.hits).toBe(1);
    });
  });
});
