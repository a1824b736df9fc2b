import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { RetryAfterError } from "../../src/errors.ts";
import { THROTTLED } from "../support/proxy/http-call.ts";
import { entriesOf, SqsBed } from "../support/sqs-bed.ts";
import { sqsProxyMissing } from "../support/sqs-server.ts";

const SEND = "SendMessageBatch";
const ACK = "DeleteMessageBatch";
const CHANGE = "ChangeMessageVisibilityBatch";
const WAIT = { timeout: 90_000, interval: 20 };

const missing = sqsProxyMissing();
if (missing !== undefined) console.warn(`SKIPPED: refusals of SQS. ${missing}`);

describe.skipIf(missing !== undefined)("refusals of SQS", () => {
  let bed: SqsBed;
  beforeAll(async () => {
    bed = await SqsBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  test(
    "three of ten requests are throttled: everything is done, and once",
    { timeout: 400_000 },
    async () => {
      await using line = await bed.line();
      const rule = line.proxy.on({ share: 0.3 }, THROTTLED);
      const runs = new Map<string, number>();
      const stop = line.receive(
        async ({ id }, { attempt }) => {
          runs.set(id, (runs.get(id) ?? 0) + 1);
          if (attempt === 1 && runs.size % 10 === 0) throw new RetryAfterError(1_000);
        },
        { concurrency: 20, leaseMs: 30_000 },
      );
      const ids = await line.fill(500);
      await vi.waitFor(() => expect(line.calls(ACK).length).toBeGreaterThan(0), WAIT);
      await vi.waitFor(() => expect(new Set(runs.keys())).toEqual(new Set(ids)), {
        ...WAIT,
        timeout: 150_000,
      });
      await vi.waitFor(async () => expect(await line.left()).toBe(0), WAIT);
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
      ["is not mentioned", omitted],
    ] as const)("of a send %s: it alone is sent again", async ([, action]) => {
      await using line = await bed.line();
      line.proxy.on({ operation: SEND }, action);
      const ids = await line.fill(5);
      const entries = line.calls(SEND).map((call) => entriesOf(call).length);
      expect(entries).toEqual([5, 1]);
      const seen = new Set<string>();
      const stop = line.receive(async ({ id }) => void seen.add(id));
      await vi.waitFor(() => expect(seen).toEqual(new Set(ids)), WAIT);
      await stop();
    });

    test.for([
      ["fails", failed],
      ["is not mentioned", omitted],
    ] as const)(
      "of an acknowledgement %s: it alone is made again, and every job is run once",
      async ([, action]) => {
        await using line = await bed.line();
        await line.fill(5);
        const rule = line.proxy.on({ operation: ACK, where: (call) => entriesOf(call).length > 1 }, action);
        let runs = 0;
        const stop = line.receive(async () => {
          runs += 1;
        });
        await rule.applied;
        await vi.waitFor(async () => expect(await line.left()).toBe(0), WAIT);
        await stop();
        expect(runs).toBe(5);
        const acked = line.calls(ACK).map((call) => entriesOf(call).length);
        expect(acked.reduce((sum, count) => sum + count, 0)).toBe(6);
      },
    );

    test("of an extension fails: it is made again, and every job is run once", async () => {
      await using line = await bed.line();
      await line.fill(5);
      const rule = line.proxy.on({ operation: CHANGE, where: (call) => entriesOf(call).length > 1 }, failed);
      let runs = 0;
      const stop = line.receive(
        async () => {
          runs += 1;
          await sleep(18_000);
        },
        { leaseMs: 12_000 },
      );
      await vi.waitFor(async () => expect(await line.left()).toBe(0), WAIT);
      await stop();
      expect([runs, rule.hits]).toEqual([5, 1]);
    });
  });
});
