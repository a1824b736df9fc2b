import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Queue } from "../../src/queue/queue.ts";
import type { Handler, ReceiveOptions } from "../../src/queue/receive.ts";
import { PubsubFixture } from "../support/pubsub-fixture.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the connections of the pubsub adapter. ${missing}`);

const LEASE_MS = 10_000;
const job = { type: "job", payload: {} };

/** Faults of connections other than a lost answer or a cut. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let fixture: PubsubFixture;
  beforeAll(async () => {
    fixture = await PubsubFixture.start();
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  async function fill(queue: Queue, name: string, count: number): Promise<Set<string>> {
    const messages = Array.from({ length: count }, (_, index) => ({ ...job, payload: { index } }));
    const outcomes = await queue.sendBatch(name, messages);
    return new Set(
      outcomes.map((outcome) => {
        if (!outcome.ok) throw outcome.error;
        return outcome.id;
      }),
    );
  }

  /** Receives with a client of its own until `done` returns true. Returns the number of runs by id. */
  async function receiveUntil(
    name: string,
    done: (runs: ReadonlyMap<string, number>) => boolean,
    options: ReceiveOptions & { readonly handler?: Handler; readonly timeout?: number } = {},
  ): Promise<Map<string, number>> {
    const { handler, timeout = 150_000, ...settings } = options;
    const runs = new Map<string, number>();
    const queue = fixture.connect();
    const stop = new AbortController();
    const receiving = queue.receive(
      name,
      async (message, context) => {
        runs.set(message.id, (runs.get(message.id) ?? 0) + 1);
        return handler?.(message, context);
      },
      { leaseMs: LEASE_MS, concurrency: 20, ...settings, signal: stop.signal },
    );
    await vi.waitFor(() => expect(done(runs)).toBe(true), { timeout, interval: 20 });
    stop.abort();
    await receiving;
    await queue.close();
    return runs;
  }

  /** Resolves when a client pulls messages of this queue. */
  async function isPulled(name: string): Promise<void> {
    using pull = fixture.proxy.on(
      {
        path: "Subscriber/Pull",
        where: ({ headers }) =>
          decodeURIComponent(String(headers["x-goog-request-params"])).endsWith(`/${name}`),
      },
      { kind: "stall", until: Promise.resolve() },
    );
    await pull.applied;
  }

  test("calls move to a new connection after each GOAWAY, and every message runs once", async () => {
    const name = await fixture.makeQueue();
    const retiring = setInterval(() => fixture.proxy.retireAll(), 100);
    using stack = new DisposableStack();
    stack.defer(() => clearInterval(retiring));
    const ids = await fill(fixture.queue, name, 1_000);
    const handler: Handler = () => sleep(20);
    const runs = await receiveUntil(name, ({ size }) => size === ids.size, { handler });
    expect(new Set(runs.keys())).toEqual(ids);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
  });

  test("no message is lost when three of ten calls are refused as unavailable", async () => {
    const name = await fixture.makeQueue();
    using _ = fixture.proxy.on({ share: 0.3 }, { kind: "answer", grpcStatus: 14 });
    const ids = await fill(fixture.queue, name, 500);
    const runs = await receiveUntil(name, ({ size }) => size >= ids.size, { handler: () => sleep(5) });
    for (const id of ids) expect(runs.has(id)).toBe(true);
  });

  test("no message is lost, or looks like a crash loop, when three of ten pulls are reset", async () => {
    const name = await fixture.makeQueue();
    const ids = await fill(fixture.queue, name, 200);
    using _ = fixture.proxy.on(
      { path: "Subscriber/Pull", share: 0.3 },
      { kind: "drop_response", by: "reset" },
    );
    const runs = await receiveUntil(name, ({ size }) => size >= ids.size, { concurrency: 5 });
    expect(new Set(runs.keys())).toEqual(ids);
  });

  test("a worker receives again within its backoff after an outage", async () => {
    const name = await fixture.makeQueue();
    const queue = fixture.connect();
    const seen = Promise.withResolvers<void>();
    const stop = new AbortController();
    const receiving = queue.receive(name, async () => seen.resolve(), {
      leaseMs: LEASE_MS,
      signal: stop.signal,
    });
    await isPulled(name);
    const outage = fixture.proxy.on(
      { times: Number.POSITIVE_INFINITY, where: ({ path }) => path.includes("Subscriber") },
      { kind: "answer", grpcStatus: 14 },
    );
    await sleep(5_000);
    outage.remove();
    const since = Date.now();
    await queue.send(name, job);
    await seen.promise;
    expect(Date.now() - since).toBeLessThan(30_000);
    stop.abort();
    await receiving;
    await queue.close();
  });

  test("a connection that stops to answer is replaced, even if only pulls use it", async () => {
    const name = await fixture.makeQueue();
    const queue = fixture.connect();
    const seen = Promise.withResolvers<void>();
    const stop = new AbortController();
    let dead = 0;
    const pulled = fixture.proxy.on(
      {
        path: "Subscriber/Pull",
        where: ({ headers, connection }) => {
          if (dead === 0 && String(headers["x-goog-request-params"]).includes(name)) dead = connection;
          return connection === dead;
        },
        times: Number.POSITIVE_INFINITY,
      },
      { kind: "black_hole" },
    );
    using _ = fixture.proxy.on(
      { where: ({ connection }) => connection === dead, times: Number.POSITIVE_INFINITY },
      { kind: "black_hole" },
    );
    const receiving = queue.receive(name, async () => seen.resolve(), {
      leaseMs: LEASE_MS,
      signal: stop.signal,
    });
    await pulled.applied;
    await fixture.queue.send(name, job);
    const since = Date.now();
    await seen.promise;
    // Two seconds for the poll, two for its answer, and nine for the probe. Without a probe, the wait has no end.
    expect(Date.now() - since).toBeLessThan(60_000);
    pulled.remove();
    stop.abort();
    await receiving;
    await queue.close();
  });

  test("messages of sixty megabytes in total are pulled at once, and arrive complete", async () => {
    const name = await fixture.makeQueue("none", 60_000);
    const sizes = new Map<string, number>();
    for (let index = 0; index < 12; index += 1) {
      const payload = "x".repeat(5_000_000 + index);
      const { id } = await fixture.queue.send(name, { type: "job", payload });
      sizes.set(id, payload.length);
    }
    const got = new Map<string, number>();
    await receiveUntil(name, ({ size }) => size === sizes.size, {
      leaseMs: 60_000,
      handler: async ({ id, payload }) => void got.set(id, String(payload).length),
    });
    expect(got).toEqual(sizes);
  });

  test("messages of a thousand ordering keys arrive in order for each key", async () => {
    const name = await fixture.makeQueue("by_key");
    const [keys, each] = [1_000, 3];
    const messages = Array.from({ length: keys * each }, (_, index) => ({
      ...job,
      payload: { place: Math.floor(index / keys) },
      orderingKey: `key-${index % keys}`,
    }));
    const outcomes = await fixture.queue.sendBatch(name, messages);
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    const places = new Map<string, number[]>();
    await receiveUntil(name, ({ size }) => size === messages.length, {
      concurrency: 50,
      handler: async ({ payload, orderingKey = "" }) => {
        const { place } = payload as { readonly place: number };
        places.set(orderingKey, [...(places.get(orderingKey) ?? []), place]);
      },
    });
    for (const [key, seen] of places) expect([key, seen]).toEqual([key, [0, 1, 2]]);
    expect(places.size).toBe(keys);
  });

  test("a client that closes during its pulls leaves no message leased", async () => {
    // Much longer than a client needs to start, so that the two times can be distinguished.
    const leaseMs = 6 * LEASE_MS;
    const name = await fixture.makeQueue("none", leaseMs);
    for (let round = 1; round <= 5; round += 1) {
      const queue = fixture.connect();
      const seen = new Set<string>();
      const receiving = queue.receive(name, async ({ id }) => void seen.add(id), { leaseMs });
      await sleep(200 * round);
      const closing = queue.close();
      const { id } = await fixture.queue.send(name, job);
      await closing;
      await receiving;
      if (seen.has(id)) continue;
      const since = Date.now();
      await receiveUntil(name, (runs) => runs.has(id), { leaseMs });
      expect(Date.now() - since).toBeLessThan(leaseMs / 2);
    }
  });

  test("a worker goes on with a subscription that was dropped and created again", async () => {
    const name = await fixture.makeQueue();
    const before = Promise.withResolvers<void>();
    const after = Promise.withResolvers<void>();
    const stop = fixture.receive(name, async ({ id }) => (id === "before" ? before : after).resolve());
    const other = fixture.connect();
    // Receives one message first, because a receiver that has never received gives up if its subscription is missing.
    await other.send(name, { ...job, id: "before" });
    await before.promise;
    await other.drop(name);
    await sleep(3_000);
    await other.ensure(name);
    await other.send(name, job);
    const since = Date.now();
    await after.promise;
    // The longest backoff that the worker has reached at this time.
    expect(Date.now() - since).toBeLessThan(30_000);
    await stop();
    await other.close();
  });
});
