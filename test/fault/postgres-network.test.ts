import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PostgresFixture } from "../support/postgres-fixture.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { jobs, leftIn, OrderCheck, until, work } from "../support/work.ts";

const COUNT = 3_000;
const LEASE_MS = 10_000;

const { server, missing } = await findServer("postgres");
afterAll(() => server?.close());

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start(server!.url);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.each([
    ["without order", "every connection is cut", "none", () => fixture.proxy.cutAll()],
    ["with order", "every connection is cut", "by_key", () => fixture.proxy.cutAll()],
    ["without order", "nothing arrives for three seconds", "none", () => fixture.proxy.stall(3_000)],
    // Longer than the time limit of a statement, so that each connection is replaced.
    ["without order", "nothing arrives for twelve seconds", "none", () => fixture.proxy.stall(12_000)],
  ] as const)(
    "all messages of a queue %s are handled although %s twice",
    { timeout: 240_000 },
    async (_queue, _what, ordering, disturb) => {
      const name = await fixture.freshQueue({ ordering });
      const queue = fixture.connect({ url: fixture.proxiedUrl });
      const messages = jobs(COUNT).map((job, index) =>
        ordering === "none" ? job : { ...job, orderingKey: `key ${index % 50}` },
      );
      const sent = new Set<string>();
      for (const outcome of await queue.sendBatch(name, messages)) if (outcome.ok) sent.add(outcome.id);
      expect(sent.size).toBe(COUNT);
      const order = new OrderCheck();
      const working = work(
        queue,
        name,
        async ({ payload, orderingKey }) => {
          await sleep(2);
          if (orderingKey !== undefined) order.see(orderingKey, payload as number);
        },
        { concurrency: 50, leaseMs: LEASE_MS },
      );
      for (const share of [1 / 4, 1 / 2]) {
        await until(`a share of ${share}`, () => working.handled.size >= COUNT * share, 120_000);
        disturb();
      }
      await until("all messages", () => working.handled.size >= COUNT, 120_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 60_000);
      await working.stop();
      expect(new Set(working.handled.keys())).toEqual(sent);
      expect(order.overtaken).toBe(0);
      // Only what was leased at a fault may have run twice.
      expect([...working.handled.values()].filter((runs) => runs > 1).length).toBeLessThanOrEqual(2 * 200);
    },
  );

  test("a message of another process arrives although the listener was cut off silently", async () => {
    const name = await fixture.freshQueue();
    const receiver = fixture.connect({ url: fixture.proxiedUrl });
    const working = work(receiver, name);
    // The receiver waits, and listens.
    await fixture.connect().send(name, { type: "job", payload: 0 });
    await until("the first message", () => working.runs === 1);
    fixture.proxy.cutAll();
    const sentAt = performance.now();
    await fixture.connect().send(name, { type: "job", payload: 1 });
    await until("the second message", () => working.runs === 2, 15_000);
    // The look at the queue once a second finds it, and not the heartbeat of the listener.
    expect(performance.now() - sentAt).toBeLessThan(8_000);
    await working.stop();
  });

  test("a transaction that holds a key does not hold up the settlements of others", async () => {
    const name = await fixture.freshQueue({ ordering: "by_key" });
    const queue = fixture.connect();
    for (const orderingKey of ["held", "free"])
      await queue.send(name, { type: "job", payload: 1, orderingKey });
    const began = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const working = work(queue, name, async ({ orderingKey }) => {
      if (orderingKey !== "held") return;
      began.resolve();
      await go.promise;
    });
    await began.promise;
    const { Client } = await import("pg");
    const client = new Client({ connectionString: fixture.database.url });
    await client.connect();
    await client.query("BEGIN");
    await queue.send(name, { type: "job", payload: 2, orderingKey: "held" }, { transaction: client });
    go.resolve();
    // Its own message cannot be settled now. Those of other keys can.
    const others = Array.from({ length: 20 }, (_, index) => `free ${index}`);
    for (const orderingKey of others) await queue.send(name, { type: "job", payload: 3, orderingKey });
    await until("the messages of other keys", () => working.runs >= 22, 20_000);
    await until("their settlement", async () => ((await queue.stats(name)).backlog ?? 0) === 1, 20_000);
    await client.query("COMMIT");
    await client.end();
    await until("the message of the transaction", () => working.runs >= 23, 20_000);
    await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 20_000);
    expect([...working.handled.values()].every((runs) => runs === 1)).toBe(true);
    await working.stop();
  });

  test("a message that SQL has sent is handled, and wake brings it at once", async () => {
    const name = await fixture.freshQueue({ ordering: "by_key" });
    const queue = fixture.connect();
    const seen: unknown[] = [];
    const working = work(queue, name, async ({ type, payload, orderingKey }) => {
      seen.push([type, payload, orderingKey]);
    });
    const send = `SELECT queueport.send($1, '{"type":"from_sql","payload":{"a":1}}'`;
    await fixture.database.query(`${send}, key => 'k')`, [name]);
    await fixture.database.query("SELECT queueport.wake($1)", [name]);
    await until("the message", () => working.runs === 1, 15_000);
    expect(seen).toEqual([["from_sql", { a: 1 }, "k"]]);
    await working.stop();
    await expect(
      fixture.database.query(`${send}, key => 'k', delay => interval '1 s')`, [name]),
    ).rejects.toThrow(/cannot be delayed/);
    const plain = await fixture.freshQueue();
    await expect(fixture.database.query(`${send}, key => 'k')`, [plain])).rejects.toThrow(/keeps no order/);
    await expect(fixture.database.query(`${send}, dedup => 'd')`, [plain])).rejects.toThrow(
      /does not deduplicate/,
    );
    await fixture.database.query(`${send}, delay => interval '1 hour')`, [plain]);
    expect(await queue.stats(plain)).toMatchObject({ delayed: 1, messages: 0 });
  });

  test("counts above their limit are reported as approximate", { timeout: 120_000 }, async () => {
    const name = await fixture.freshQueue();
    await fixture.database.query(
      `INSERT INTO queueport.message (queue, visible_at, body)
       SELECT q.id, clock_timestamp() + interval '1 day', '{}' FROM queueport.queue q, generate_series(1, 100500) WHERE q.name = $1`,
      [name],
    );
    expect(await fixture.connect().stats(name)).toMatchObject({ delayed: 100_001, approximate: true });
    await fixture.connect().drop(name);
    const { rows } = await fixture.database.query(
      "SELECT count(*)::int AS left_over FROM queueport.message m WHERE NOT EXISTS (SELECT 1 FROM queueport.queue q WHERE q.id = m.queue)",
    );
    expect(rows[0].left_over).toBe(0);
  });
});
