import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";
import type { H2Action } from "../support/proxy/h2-proxy.ts";
import type { Rule } from "../support/proxy/rules.ts";
import { PubsubFixture } from "../support/pubsub-fixture.ts";
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
  ["the answer is lost by a reset of the stream", { kind: "drop_response", by: "reset" }],
  ["the answer is lost by a cut of the connection", { kind: "drop_response", by: "cut" }],
  ["no answer arrives", { kind: "black_hole" }],
  ["the service is unavailable", { kind: "answer", grpcStatus: 14 }],
];

/** One call of each kind fails in each way. The cases run concurrently, because they mostly wait. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, { concurrent: true }, () => {
  let fixture: PubsubFixture;
  beforeAll(async () => {
    fixture = await PubsubFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  /** Makes the next call of this kind on this queue fail. */
  function failNext(path: string, name: string, action: H2Action): Rule {
    return fixture.proxy.on({ path, where: ({ headers }) => isFor(headers, name) }, action);
  }

  /** Creates a queue and a client with a connection of its own, so that a cut affects one case only. */
  async function createdQueue(
    leaseMs: number = LEASE_MS,
  ): Promise<{ readonly name: string; readonly queue: Queue }> {
    return { name: await fixture.makeQueue("none", leaseMs), queue: fixture.connect() };
  }

  /**
   * Receives until `quietMs` after the first run. Returns the attempt of each run. On a busy machine, attempts may be
   * higher than the number of runs, because a lease may expire before its message arrives.
   */
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

  describe.each(lost)("when %s", (_, action) => {
    test("a publish succeeds, and the job runs", async () => {
      const { name, queue } = await createdQueue();
      const rule = failNext(PUBLISH, name, action);
      await queue.send(name, job);
      expect(rule.hits).toBe(1);
      // The message may be stored twice, because the client cannot know whether the first call took effect.
      expect((await runs(queue, name, { quietMs: 2_000 })).length).toBeLessThanOrEqual(2);
    });

    test("a pull is repeated, and the job runs at the latest when its lease ends", async () => {
      const { name, queue } = await createdQueue(10_000);
      await queue.send(name, job);
      const rule = failNext(PULL, name, action);
      const attempts = await runs(queue, name, { leaseMs: 10_000, quietMs: 2_000 });
      expect([rule.hits, attempts.length]).toEqual([1, 1]);
      expect(attempts[0]).toBeLessThanOrEqual(2);
    });

    test("an acknowledgement is repeated, and the job does not run again", async () => {
      const { name, queue } = await createdQueue();
      await queue.send(name, job);
      const rule = failNext(ACK, name, action);
      expect(await runs(queue, name, { quietMs: LEASE_MS + 5_000 })).toHaveLength(1);
      expect(rule.hits).toBe(1);
    });

    test("a lease extension is repeated, and the lease is kept", async () => {
      const { name, queue } = await createdQueue();
      await queue.send(name, job);
      const rule = failNext(MODIFY, name, action);
      const handler: Handler = () => sleep(LEASE_MS + 10_000);
      expect(await runs(queue, name, { handler, drainMs: 60_000, quietMs: LEASE_MS + 15_000 })).toHaveLength(
        1,
      );
      expect(rule.hits).toBe(1);
    });

    test("a read of the subscription is repeated, for a sender and for a receiver", async () => {
      const { name, queue } = await createdQueue();
      const [sending, receiving] = [failNext(GET, name, action), fixture.connect()];
      await queue.send(name, job);
      await queue.close();
      const rule = failNext(GET, name, action);
      expect(await runs(receiving, name, { quietMs: 0 })).toHaveLength(1);
      expect([sending.hits, rule.hits]).toEqual([1, 1]);
    });
  });

  test("an ensure whose answers are lost fails as unavailable, and the next one completes it", async () => {
    const name = `q-${randomUUID()}`;
    for (const path of ["CreateTopic", "CreateSubscription"]) {
      const rule = failNext(path, name, { kind: "drop_response", by: "reset" });
      await expect(fixture.queue.ensure(name)).rejects.toMatchObject({
        code: "unavailable",
        retryable: true,
      });
      expect(rule.hits).toBe(1);
    }
    await fixture.queue.ensure(name);
    const queue = fixture.connect();
    await queue.send(name, job);
    expect(await runs(queue, name, { quietMs: 0 })).toHaveLength(1);
  });
});

/** Whether a request is for this queue. A header names its topic or subscription. The delay queue has a longer name. */
function isFor(headers: Readonly<Record<string, unknown>>, name: string): boolean {
  return decodeURIComponent(String(headers["x-goog-request-params"])).endsWith(`/${name}`);
}
