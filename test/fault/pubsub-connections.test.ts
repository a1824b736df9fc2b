import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Handler, Queue, ReceiveOptions } from "../../src/queue/queue.ts";
import { PubsubBed } from "../support/pubsub-bed.ts";
import { ON_EMULATOR, pubsubEmulatorMissing } from "../support/pubsub-emulator.ts";

const missing = await pubsubEmulatorMissing();
if (missing !== undefined) console.warn(`SKIPPED: the connections of the pubsub adapter. ${missing}`);

const LEASE_MS = 10_000;
const job = { type: "job", payload: {} };

/** What is neither a lost answer nor a cut. */
describe.skipIf(missing !== undefined)(ON_EMULATOR, () => {
  let bed: PubsubBed;
  beforeAll(async () => {
    bed = await PubsubBed.start();
  });
  afterAll(() => bed[Symbol.asyncDispose]());

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

  /** Receives by a client of its own until `done`, which is asked after each run; returns the runs by id. */
  async function receiveUntil(
    name: string,
    done: (runs: ReadonlyMap<string, number>) => boolean,
    options: ReceiveOptions & { readonly handler?: Handler; readonly timeout?: number } = {},
  ): Promise<Map<string, number>> {
    const { handler, timeout = 150_000, ...settings } = options;
    const runs = new Map<string, number>();
    const queue = bed.connect();
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

  /** Resolves once somebody asks for messages of this queue. */
  async function isPulled(name: string): Promise<void> {
    using pull = bed.proxy.on(
      {
        path: "Subscriber/Pull",
        where: ({ headers }) =>
          decodeURIComponent(String(headers["x-goog-request-params"])).endsWith(`/${name}`),
      },
      { kind: "stall", until: Promise.resolve() },
    );
    await pull.applied;
  }

  test("told to go away again and again (GOAWAY), calls go on elsewhere: nothing is lost, or run twice", async () => {
    const name = await bed.makeQueue();
    const retiring = setInterval(() => bed.proxy.retireAll(), 100);
    using stack = new DisposableStack();
    stack.defer(() => clearInterval(retiring));
    const ids = await fill(bed.queue, name, 1_000);
    const handler: Handler = () => sleep(20);
    const runs = await receiveUntil(name, ({ size }) => size === ids.size, { handler });
    expect(new Set(runs.keys())).toEqual(ids);
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
  });

  test("a share of all calls is refused as unavailable: nothing is lost", async () => {
    const name = await bed.makeQueue();
    using _ = bed.proxy.on({ share: 0.3 }, { kind: "answer", grpcStatus: 14 });
    const ids = await fill(bed.queue, name, 500);
    const runs = await receiveUntil(name, ({ size }) => size >= ids.size, { handler: () => sleep(5) });
    for (const id of ids) expect(runs.has(id)).toBe(true);
  });

  test("three pulls of ten are reset half way: nothing is lost, and nothing is taken for a crash loop", async () => {
    const name = await bed.makeQueue();
    const ids = await fill(bed.queue, name, 200);
    using _ = bed.proxy.on({ path: "Subscriber/Pull", share: 0.3 }, { kind: "drop_response", by: "reset" });
    const runs = await receiveUntil(name, ({ size }) => size >= ids.size, { concurrency: 5 });
    expect(new Set(runs.keys())).toEqual(ids);
  });

  test("after an outage, a worker is not deaf for longer than its backoff", async () => {
    const name = await bed.makeQueue();
    const queue = bed.connect();
    const seen = Promise.withResolvers<void>();
    const stop = new AbortController();
    const receiving = queue.receive(name, async () => seen.resolve(), {
      leaseMs: LEASE_MS,
      signal: stop.signal,
    });
    await isPulled(name);
    const outage = bed.proxy.on(
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

  test("a connection that has died in silence is replaced, though only pulls were on it", async () => {
    const name = await bed.makeQueue();
    const queue = bed.connect();
    const seen = Promise.withResolvers<void>();
    const stop = new AbortController();
    let dead = 0;
    const pulled = bed.proxy.on(
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
    using _ = bed.proxy.on(
      { where: ({ connection }) => connection === dead, times: Number.POSITIVE_INFINITY },
      { kind: "black_hole" },
    );
    const receiving = queue.receive(name, async () => seen.resolve(), {
      leaseMs: LEASE_MS,
      signal: stop.signal,
    });
    await pulled.applied;
    await bed.queue.send(name, job);
    const since = Date.now();
    await seen.promise;
    // Two seconds of waiting, two for the answer, nine for the one that has to come; else never.
    expect(Date.now() - since).toBeLessThan(60_000);
    pulled.remove();
    stop.abort();
    await receiving;
    await queue.close();
  });

  test("messages of sixty megabytes are pulled at once, and arrive whole", async () => {
    const name = await bed.makeQueue("none", 60_000);
    const sizes = new Map<string, number>();
    for (let index = 0; index < 12; index += 1) {
      const payload = "x".repeat(5_000_000 + index);
      const { id } = await bed.queue.send(name, { type: "job", payload });
      sizes.set(id, payload.length);
    }
    const got = new Map<string, number>();
    await receiveUntil(name, ({ size }) => size === sizes.size, {
      leaseMs: 60_000,
      handler: async ({ id, payload }) => void got.set(id, String(payload).length),
    });
    expect(got).toEqual(sizes);
  });

  test("a thousand keys, in order each", async () => {
    const name = await bed.makeQueue("by_key");
    const [keys, each] = [1_000, 3];
    const messages = Array.from({ length: keys * each }, (_, index) => ({
      ...job,
      payload: { place: Math.floor(index / keys) },
      orderingKey: `key-${index % keys}`,
    }));
    const outcomes = await bed.queue.sendBatch(name, messages);
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

  test("closed while its pulls are out, it leaves no message hidden behind", async () => {
    // Long enough not to be taken for the time that it takes to start.
    const leaseMs = 6 * LEASE_MS;
    const name = await bed.makeQueue("none", leaseMs);
    for (let round = 1; round <= 5; round += 1) {
      const queue = bed.connect();
      const seen = new Set<string>();
      const receiving = queue.receive(name, async ({ id }) => void seen.add(id), { leaseMs });
      await sleep(200 * round);
      const closing = queue.close();
      const { id } = await bed.queue.send(name, job);
      await closing;
      await receiving;
      if (seen.has(id)) continue;
      const since = Date.now();
      await receiveUntil(name, (runs) => runs.has(id), { leaseMs });
      expect(Date.now() - since).toBeLessThan(leaseMs / 2);
    }
  });

  test("a subscription that is dropped and made anew under a worker is worked on again", async () => {
    const name = await bed.makeQueue();
    const before = Promise.withResolvers<void>();
    const after = Promise.withResolvers<void>();
    const stop = bed.receive(name, async ({ id }) => (id === "before" ? before : after).resolve());
    const other = bed.connect();
    // One that has never been received from is given up where it is missing: a pull on its way might find it so.
    await other.send(name, { ...job, id: "before" });
    await before.promise;
    await other.drop(name);
    await sleep(3_000);
    await other.ensure(name);
    await other.send(name, job);
    const since = Date.now();
    await after.promise;
    // The longest of the backoffs that there are by then.
    expect(Date.now() - since).toBeLessThan(30_000);
    await stop();
    await other.close();
  });
});
