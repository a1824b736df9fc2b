import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inspect } from "../../adapters/postgres/inspect.ts";
import { PostgresFixture } from "../support/postgres-fixture.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { Pgbouncer, pgbouncerProgram } from "../support/servers/pgbouncer.ts";
import { jobs, leftIn, OrderCheck, until, work } from "../support/work.ts";

const COUNT = 1_000;

const program = pgbouncerProgram();
if (program === undefined) console.warn("SKIPPED: Postgres behind PgBouncer, which is not installed.");
const { server, missing } = await findServer("postgres");
afterAll(() => server?.close());

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  let fixture: PostgresFixture;
  beforeAll(async () => {
    fixture = await PostgresFixture.start(server!.url);
  });
  afterAll(() => fixture[Symbol.asyncDispose]());

  test.for(["none", "by_key"] as const)(
    "behind a pooler of transactions, all messages are handled, and one warning names the option (%s)",
    { timeout: 120_000 },
    async (ordering, context) => {
      context.skip(program === undefined, "PgBouncer is not installed");
      await using pooler = await Pgbouncer.start(program!, fixture.database.url);
      const url = pooler.urlOf(fixture.database.url);
      const warnings: string[] = [];
      const queue = fixture.connect({ url, onWarning: (message) => warnings.push(message) });
      const name = await fixture.freshQueue({ ordering });
      const order = new OrderCheck();
      const working = work(queue, name, async ({ payload, orderingKey }) => {
        if (orderingKey !== undefined) order.see(orderingKey, payload as number);
      });
      const messages = jobs(COUNT).map((job, index) =>
        ordering === "none" ? job : { ...job, orderingKey: `key ${index % 20}` },
      );
      await queue.sendBatch(name, messages);
      await until("all messages", () => working.handled.size === COUNT, 60_000);
      await until("the warning", () => warnings.length > 0, 20_000);
      // From another process, without a notification.
      const sentAt = performance.now();
      await fixture.connect().send(name, { ...messages[0]!, payload: COUNT });
      await until("one more", () => working.handled.size === COUNT + 1, 20_000);
      expect(performance.now() - sentAt).toBeLessThan(5_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 20_000);
      await working.stop();
      expect(order.overtaken).toBe(0);
      expect([...working.handled.values()].every((runs) => runs === 1)).toBe(true);
      expect(warnings).toEqual([expect.stringMatching(/Give listen: \{ url \}/)]);
      const observed = await inspect({ url });
      const problems = observed.filter(({ level, what }) => level !== "ok" && !what.startsWith("autovacuum"));
      expect(problems).toEqual([
        expect.objectContaining({ level: "warning", what: expect.stringMatching(/LISTEN hears nothing/) }),
      ]);
    },
  );

  test("with the address of the server for LISTEN, a worker behind a pooler is woken", async (context) => {
    context.skip(program === undefined, "PgBouncer is not installed");
    await using pooler = await Pgbouncer.start(program!, fixture.database.url);
    const warnings: string[] = [];
    const queue = fixture.connect({
      url: pooler.urlOf(fixture.database.url),
      listen: { url: fixture.database.url },
      onWarning: (message) => warnings.push(message),
    });
    const name = await fixture.freshQueue();
    const working = work(queue, name);
    await queue.send(name, { type: "job", payload: 0 });
    await until("the first message", () => working.runs === 1);
    await fixture.connect().send(name, { type: "job", payload: 1 });
    await until("the second message", () => working.runs === 2);
    await working.stop();
    expect(warnings).toEqual([]);
  });

  test("doctor finds nothing in a healthy database, and a transaction that is open for long", async () => {
    const { url } = fixture.database;
    // A server for tests may have no autovacuum, which is reported.
    const before = (await inspect({ url })).filter(({ what }) => !what.startsWith("autovacuum"));
    expect(before.filter(({ level }) => level !== "ok")).toEqual([]);
    expect(before.map(({ what }) => what.split(":", 1)[0])).toEqual([
      "server",
      "schema queueport",
      "table message",
      "table key_queue",
      "transactions",
      "notifications",
    ]);
    const { Client } = await import("pg");
    const client = new Client({ connectionString: url, application_name: "forgetful" });
    await client.connect();
    await client.query("BEGIN");
    await client.query("SELECT 1");
    const during = await inspect({ url }, { longSeconds: 0 });
    expect(during.filter(({ level, what }) => level !== "ok" && !what.startsWith("autovacuum"))).toEqual([
      expect.objectContaining({
        what: expect.stringMatching(/of forgetful has one open for \d+ s \(idle in trans/),
      }),
    ]);
    await client.end();
    expect(await inspect({ url, schema: "none" })).toContainEqual(
      expect.objectContaining({ level: "broken", fix: "queueport migrate" }),
    );
    expect(await inspect({ url: "postgres://127.0.0.1:1/none" })).toEqual([
      expect.objectContaining({ level: "broken", what: expect.stringMatching(/ECONNREFUSED/) }),
    ]);
  });
});
