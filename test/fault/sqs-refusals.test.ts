import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RetryAfterError } from "../../src/errors.ts";
import { THROTTLED } from "../support/proxy/http-call.ts";
import { entriesOf, SqsFixture } from "../support/sqs-fixture.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const SEND = "SendMessageBatch";
const ACK = "DeleteMessageBatch";
const CHANGE = "ChangeMessageVisibilityBatch";
const WAIT = { timeout: 90_000, interval: 20 };

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: refusals of SQS. ${missing}`);

describe.skipIf(missing !== undefined)("refusals of SQS", () => {
  let fixture: SqsFixture;
  beforeAll(async () => {
    fixture = await SqsFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test(
    "every job runs once, and is acknowledged, when three of ten requests are throttled",
    { timeout: 400_000 },
    async () => {
      await using proxied = await fixture.proxiedQueue();
      const rule = proxied.proxy.on({ share: 0.3 }, THROTTLED);
      const runs = new Map<string, number>();
      const stop = proxied.receive(
        async ({ id }, { attempt }) => {
          runs.set(id, (runs.get(id) ?? 0) + 1);
          if (attempt === 1 && runs.size % 10 === 0) throw new RetryAfterError(1_000);
        },
        { concurrency: 20, leaseMs: 30_000 },
      );
      const ids = await proxied.fill(500);
      await vi.waitFor(() => expect(proxied.calls(ACK).length).toBeGreaterThan(0), WAIT);
      await vi.waitFor(() => expect(new Set(runs.keys())).toEqual(new Set(ids)), {
        ...WAIT,
        timeout: 150_000,
      });
      await vi.waitFor(async () => expect(await proxied.backlog()).toBe(0), WAIT);
      rule.remove();
      await stop();
      expect(rule.hits).toBeGreaterThan(20);
      expect(Math.max(...runs.values())).toBeLessThanOrEqual(2);
    },
  );

  describe("one entry of a batch", { concurrent: true }, () => {
    const failed = { kind: "fail_entry", index: 1, code: "InternalError", senderFault: false } as const;
    const omitted = { kind: "omit_entry", index: 1 } as const;

    test.for([
      ["fails", failed],
      ["is missing in the answer", omitted],
    ] as const)("a message that %s is sent again, without the rest of its batch", async ([, action]) => {
      await using proxied = await fixture.proxiedQueue();
      proxied.proxy.on({ operation: SEND }, action);
      const ids = await proxied.fill(5);
      const entries = proxied.calls(SEND).map((call) => entriesOf(call).length);
      expect(entries).toEqual([5, 1]);
      const seen = new Set<string>();
      const stop = proxied.receive(async ({ id }) => void seen.add(id));
      await vi.waitFor(() => expect(seen).toEqual(new Set(ids)), WAIT);
      await stop();
    });

    test.for([
      ["fails", failed],
      ["is missing in the answer", omitted],
    ] as const)(
      "an acknowledgement that %s is repeated, without the rest of its batch, and every job runs once",
      async ([, action]) => {
        await using proxied = await fixture.proxiedQueue();
        await proxied.fill(5);
        const rule = proxied.proxy.on(
          { operation: ACK, where: (call) => entriesOf(call).length > 1 },
          action,
        );
        let runs = 0;
        const stop = proxied.receive(async () => {
          runs += 1;
        });
        await rule.applied;
        await vi.waitFor(async () => expect(await proxied.backlog()).toBe(0), WAIT);
        await stop();
        expect(runs).toBe(5);
        const acked = proxied.calls(ACK).map((call) => entriesOf(call).length);
        expect(acked.reduce((sum, count) => sum + count, 0)).toBe(6);
      },
    );

    test("a lease extension that fails is repeated, and every job runs once", async () => {
      await using proxied = await fixture.proxiedQueue();
      await proxied.fill(5);
      const rule = proxied.proxy.on(
        { operation: CHANGE, where: (call) => entriesOf(call).length > 1 },
        failed,
      );
      let runs = 0;
      const stop = proxied.receive(
        async () => {
          runs += 1;
          await sleep(18_000);
        },
        { leaseMs: 12_000 },
      );
      await vi.waitFor(async () => expect(await proxied.backlog()).toBe(0), WAIT);
      await stop();
      expect([runs, rule.hits]).toEqual([5, 1]);
    });
  });
});
