import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { JobEvent, ReceiveEvent } from "../../src/diagnostics.ts";
import { RetryAfterError } from "../../src/errors.ts";
import { isFor, SqsFixture } from "../support/sqs-fixture.ts";
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
  let fixture: SqsFixture;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  describe("a lost answer", { concurrent: true }, () => {
    test.for(["GetQueueUrl", "GetQueueAttributes"])(
      "a sender and a worker repeat %s when its answer is lost",
      async (operation) => {
        await using proxied = await fixture.proxiedQueue();
        const [atSender, atWorker] = [proxied.connect(), proxied.connect()];
        const lost = proxied.proxy.on({ operation }, { kind: "drop_response" });
        const { id } = await atSender.send(proxied.name, job);
        expect(lost.hits).toBe(1);
        const again = proxied.proxy.on({ operation }, { kind: "drop_response" });
        const seen: string[] = [];
        const stop = new AbortController();
        const receiving = atWorker.receive(proxied.name, async (message) => void seen.push(message.id), {
          signal: stop.signal,
        });
        await vi.waitFor(() => expect(seen).toEqual([id]), WAIT);
        stop.abort();
        await receiving;
        expect(again.hits).toBe(1);
      },
    );

    test.for(["none", "by_key"] as const)(
      "a send whose answer is lost makes one more request, and loses no message (ordering: %s)",
      async (ordering) => {
        await using proxied = await fixture.proxiedQueue({ ordering });
        const orderingKey = ordering === "by_key" ? "key" : undefined;
        proxied.proxy.on({ operation: SEND }, { kind: "drop_response" });
        const { id } = await proxied.queue.send(proxied.name, { ...job, orderingKey });
        expect(proxied.calls(SEND)).toHaveLength(2);
        const seen: string[] = [];
        const stop = proxied.receive(async (message) => void seen.push(message.id));
        await vi.waitFor(() => expect(seen).toContain(id), WAIT);
        await sleep(1_000);
        await stop();
        // The message may be stored twice, because the client cannot know. A FIFO queue deduplicates.
        expect(seen.length).toBeLessThanOrEqual(ordering === "by_key" ? 1 : 2);
        expect(new Set(seen)).toEqual(new Set([id]));
      },
    );

    test("a message is redelivered after its lease when the answer of ReceiveMessage is lost", async () => {
      await using proxied = await fixture.proxiedQueue();
      await proxied.queue.send(proxied.name, job);
      proxied.proxy.on({ operation: RECEIVE, where: isFor(proxied.name) }, { kind: "drop_response" });
      const attempts: number[] = [];
      const stop = proxied.receive(async (_, { attempt }) => void attempts.push(attempt), {
        leaseMs: 10_000,
      });
      await vi.waitFor(() => expect(attempts).toHaveLength(1), WAIT);
      await stop();
      expect(attempts[0]).toBeLessThanOrEqual(2);
    });

    test("a poll of a FIFO queue asks for the same messages again when its answer is lost", async () => {
      await using proxied = await fixture.proxiedQueue({ ordering: "by_key" });
      proxied.proxy.on({ operation: RECEIVE, where: isFor(proxied.name) }, { kind: "drop_response" });
      const stop = proxied.receive(async () => {});
      await vi.waitFor(() => expect(proxied.calls(RECEIVE, proxied.name).length).toBeGreaterThan(2), WAIT);
      await stop();
      const [first, second, third] = proxied
        .calls(RECEIVE, proxied.name)
        .map(({ json }) => json?.["ReceiveRequestAttemptId"]);
      expect(first).toBeTypeOf("string");
      expect(second).toBe(first);
      expect(third).not.toBe(second);
    });

    test("an acknowledgement whose answer is lost is repeated, and the job runs once", async () => {
      await using proxied = await fixture.proxiedQueue();
      const lost = proxied.proxy.on({ operation: ACK }, { kind: "drop_response" });
      let runs = 0;
      const stop = proxied.receive(async () => {
        runs += 1;
      });
      await proxied.queue.send(proxied.name, job);
      await lost.applied;
      await vi.waitFor(() => expect(proxied.calls(ACK)).toHaveLength(2), WAIT);
      await stop();
      expect([runs, await proxied.backlog()]).toEqual([1, 0]);
      expect(proxied.calls(ACK)).toHaveLength(2);
    });

    test("a release whose answer is lost takes effect after the requested delay", async () => {
      await using proxied = await fixture.proxiedQueue();
      proxied.proxy.on({ operation: CHANGE }, { kind: "drop_response" });
      const runs: number[] = [];
      const stop = proxied.receive(async (_, { attempt }) => {
        runs.push(Date.now());
        if (attempt === 1) throw new RetryAfterError(2_000);
      });
      await proxied.queue.send(proxied.name, job);
      await vi.waitFor(() => expect(runs).toHaveLength(2), WAIT);
      await stop();
      const gapMs = (runs[1] as number) - (runs[0] as number);
      expect(gapMs).toBeGreaterThan(1_900);
      // The lease of thirty seconds would end later.
      expect(gapMs).toBeLessThan(15_000);
    });

    test("an extension whose answer is lost keeps the lease, and the job runs once", async () => {
      await using proxied = await fixture.proxiedQueue();
      const lost = proxied.proxy.on({ operation: CHANGE }, { kind: "drop_response" });
      let runs = 0;
      const stop = proxied.receive(
        async () => {
          runs += 1;
          await sleep(18_000);
        },
        { leaseMs: 12_000 },
      );
      await proxied.queue.send(proxied.name, job);
      await vi.waitFor(() => expect(proxied.calls(ACK)).toHaveLength(1), WAIT);
      await stop();
      expect([runs, lost.hits]).toEqual([1, 1]);
    });
  });

  describe("requests without an answer for five seconds", { concurrent: true }, () => {
    const HOLE_MS = 5_000;
    const quick = { requestTimeoutMs: 500 };

    test("messages that are sent while polls get no answer are received soon afterwards", async () => {
      await using proxied = await fixture.proxiedQueue(quick);
      const seen: string[] = [];
      const stop = proxied.receive(async ({ id }) => void seen.push(id), { leaseMs: 2_000 });
      await vi.waitFor(() => expect(proxied.calls(RECEIVE).length).toBeGreaterThan(1), WAIT);
      const hole = proxied.proxy.on(
        { operation: RECEIVE, times: Number.POSITIVE_INFINITY },
        { kind: "black_hole" },
      );
      const ids = await proxied.fill(20);
      await sleep(HOLE_MS);
      await vi.waitFor(() => expect(hole.hits).toBeGreaterThan(2), WAIT);
      hole.remove();
      const since = Date.now();
      await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(ids)), WAIT);
      // With a backoff that is not capped, polls would now wait for half a minute.
      expect(Date.now() - since).toBeLessThan(20_000);
      await stop();
    });

    test.for([
      ["ack", ACK, 0],
      ["extend", CHANGE, HOLE_MS + 3_000],
    ] as const)(
      "every job is done, and the worker goes on, when no %s request is answered for five seconds",
      async ([, operation, workMs]) => {
        await using proxied = await fixture.proxiedQueue(quick);
        const done = new Set<string>();
        const hole = proxied.proxy.on({ operation, times: Number.POSITIVE_INFINITY }, { kind: "black_hole" });
        let isOver = false;
        const stop = proxied.receive(
          async ({ id }) => {
            if (!isOver) await sleep(workMs);
            done.add(id);
          },
          { leaseMs: 2_000 },
        );
        const ids = await proxied.fill(10);
        await hole.applied;
        await sleep(HOLE_MS);
        await vi.waitFor(() => expect(hole.hits).toBeGreaterThan(1), WAIT);
        hole.remove();
        isOver = true;
        ids.push(...(await proxied.fill(10)));
        await vi.waitFor(() => expect(done).toEqual(new Set(ids)), WAIT);
        await vi.waitFor(async () => expect(await proxied.backlog()).toBe(0), WAIT);
        await stop();
      },
    );

    test("messages of a late answer, whose leases have expired, are not run", async () => {
      await using proxied = await fixture.proxiedQueue({ requestTimeoutMs: 60_000 });
      await proxied.fill(3);
      const held = proxied.proxy.on(
        { operation: RECEIVE, where: isFor(proxied.name) },
        { kind: "hold_answer", ms: 12_000 },
      );
      const attempts: number[] = [];
      let lost = 0;
      const onEvent = ({ event }: JobEvent | ReceiveEvent): void => {
        if (event === "lease_lost") lost += 1;
      };
      const stop = proxied.receive(async (_, { attempt }) => void attempts.push(attempt), {
        leaseMs: 8_000,
        onEvent,
      });
      await vi.waitFor(() => expect(attempts).toEqual([2, 2, 2]), WAIT);
      await stop();
      expect([held.hits, lost]).toEqual([1, 3]);
    });

    test("a poll whose answer stops after its headers is repeated", async () => {
      await using proxied = await fixture.proxiedQueue(quick);
      const seen: string[] = [];
      const broken = proxied.proxy.on(
        { operation: RECEIVE, where: isFor(proxied.name) },
        { kind: "break_off" },
      );
      const stop = proxied.receive(async ({ id }) => void seen.push(id), { leaseMs: 2_000 });
      const ids = await proxied.fill(3);
      await vi.waitFor(() => expect(new Set(seen)).toEqual(new Set(ids)), WAIT);
      await stop();
      expect(broken.hits).toBe(1);
    });
  });
});
