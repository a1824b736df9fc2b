import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Handler, Queue, ReceiveOptions } from "../../src/queue/queue.ts";
import type { H2Action } from "../support/proxy/h2-proxy.ts";
import type { Rule } from "../support/proxy/rules.ts";
import { PubsubBed } from "../support/pubsub-bed.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

vi.setConfig({ maxConcurrency: 30 });

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the lost calls of the pubsub adapter. ${missing}`);

const PUBLISH = "Publisher/Publish";
const PULL = "Subscriber/Pull";
const ACK = "Subscriber/Acknowledge";
const MODIFY = "Subscriber/ModifyAckDeadline";
const GET = "Subscriber/GetSubscription";
const LEASE_MS = 30_000;
const job = { type: "job", payload: {} };

const lost: readonly (readonly [string, H2Action])[] = [
  ["its answer is lost, by a reset", { kind: "drop_response", by: "reset" }],
  ["its answer is lost, by a cut", { kind: "drop_response", by: "cut" }],
  ["it is never answered", { kind: "black_hole" }],
  ["the service is unavailable", { kind: "answer", grpcStatus: 14 }],
];

/** One call of each kind goes wrong, in each way; side by side, since all of it is waiting. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, { concurrent: true }, () => {
  let bed: PubsubBed;
  beforeAll(async () => {
    bed = await PubsubBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

  /** Lets the next call of this kind on this queue go wrong. */
  function wrong(path: string, name: string, action: H2Action): Rule {
    return bed.proxy.on({ path, where: ({ headers }) => isFor(headers, name) }, action);
  }

  /** A queue, and a connection of its own to it: what is cut for one case is not to be felt by another. */
  async function made(leaseMs: number = LEASE_MS): Promise<{ readonly name: string; readonly queue: Queue }> {
    return { name: await bed.makeQueue("none", leaseMs), queue: bed.connect() };
  }

  /** The attempts, which may run ahead where a busy machine lets a pull lapse, of the runs that there are from now on, until so long after the first. */
  async function runs(
    queue: Queue,
    name: string,
    { handler, quietMs, ...options }: ReceiveOptions & { handler?: Handler; quietMs: number },
  ): Promise<number[]> {
    const attempts: number[] = [];
    const run: Handler = async (message, context) => {
      attempts.push(context.attempt);
      return handler?.(message, context);
    };
    const stop = new AbortController();
    const receiving = queue.receive(name, run, { leaseMs: LEASE_MS, ...options, signal: stop.signal });
    await vi.waitFor(() => expect(attempts.length).toBeGreaterThan(0), { timeout: 120_000, interval: 50 });
    await sleep(quietMs);
    stop.abort();
    await receiving;
    await queue.close();
    return attempts;
  }

  describe.each(lost)("%s", (_, action) => {
    test("a publish: the send succeeds, and the job is run", async () => {
      const { name, queue } = await made();
      const rule = wrong(PUBLISH, name, action);
      await queue.send(name, job);
      expect(rule.hits).toBe(1);
      // Twice where it was stored both times: that is what the answer did not say.
      expect((await runs(queue, name, { quietMs: 2_000 })).length).toBeLessThanOrEqual(2);
    });

    test("a pull: the job is run, at the latest when its lease ends", async () => {
      const { name, queue } = await made(10_000);
      await queue.send(name, job);
      const rule = wrong(PULL, name, action);
      const attempts = await runs(queue, name, { leaseMs: 10_000, quietMs: 2_000 });
      expect([rule.hits, attempts.length]).toEqual([1, 1]);
      expect(attempts[0]).toBeLessThanOrEqual(2);
    });

    test("an acknowledgement: the job is not run again", async () => {
      const { name, queue } = await made();
      await queue.send(name, job);
      const rule = wrong(ACK, name, action);
      expect(await runs(queue, name, { quietMs: LEASE_MS + 5_000 })).toHaveLength(1);
      expect(rule.hits).toBe(1);
    });

    test("an extension: the lease is kept", async () => {
      const { name, queue } = await made();
      await queue.send(name, job);
      const rule = wrong(MODIFY, name, action);
      const handler: Handler = () => sleep(LEASE_MS + 10_000);
      expect(await runs(queue, name, { handler, drainMs: 60_000, quietMs: LEASE_MS + 15_000 })).toHaveLength(
        1,
      );
      expect(rule.hits).toBe(1);
    });

    test("the question what the subscription is like", async () => {
      const { name, queue } = await made();
      const [sending, receiving] = [wrong(GET, name, action), bed.connect()];
      await queue.send(name, job);
      await queue.close();
      const rule = wrong(GET, name, action);
      expect(await runs(receiving, name, { quietMs: 0 })).toHaveLength(1);
      expect([sending.hits, rule.hits]).toEqual([1, 1]);
    });
  });

  test("an ensure whose answers are lost says so, and is completed by the next one", async () => {
    const name = `q-${randomUUID()}`;
    for (const path of ["CreateTopic", "CreateSubscription"]) {
      const rule = wrong(path, name, { kind: "drop_response", by: "reset" });
      await expect(bed.queue.ensure(name)).rejects.toMatchObject({ code: "unavailable", retryable: true });
      expect(rule.hits).toBe(1);
    }
    await bed.queue.ensure(name);
    const queue = bed.connect();
    await queue.send(name, job);
    expect(await runs(queue, name, { quietMs: 0 })).toHaveLength(1);
  });
});

/** The topic or subscription stands in a header of each request; that of the parking queue is longer. */
function isFor(headers: Readonly<Record<string, unknown>>, name: string): boolean {
  return decodeURIComponent(String(headers["x-goog-request-params"])).endsWith(`/${name}`);
}
