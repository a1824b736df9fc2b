import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PostgresFixture } from "../support/postgres-fixture.ts";
import { embeddedBinaries } from "../support/servers/embedded-postgres.ts";
import { onServer } from "../support/servers/find-server.ts";
import { PrivatePostgres } from "../support/servers/postgres-server.ts";
import { jobs, leftIn, OrderCheck, until, work } from "../support/work.ts";

const COUNT = 5_000;
/** Longer than a server needs to restart on a busy machine, so that leased messages are settled and do not run again. */
const LEASE_MS = 20_000;

const binaries = await embeddedBinaries();

describe.skipIf(binaries === undefined)(onServer("postgres"), () => {
  let own: PrivatePostgres;
  let fixture: PostgresFixture;
  beforeAll(async () => {
    own = await PrivatePostgres.start(binaries!);
    fixture = await PostgresFixture.start(own.url);
  });
  afterAll(async () => {
    await fixture[Symbol.asyncDispose]();
    await own.close();
  });

  test.each([
    ["without order", "the server is killed", "none", () => own.kill()],
    ["without order", "the server ends itself at once", "none", () => own.stopImmediately()],
    ["with order", "the server is killed", "by_key", () => own.kill()],
  ] as const)(
    "messages that are sent and handled on a queue %s while %s and started again, twice, are all handled",
    { timeout: 400_000 },
    async (_queue, _what, ordering, end) => {
      const name = await fixture.freshQueue({ ordering });
      const queue = fixture.connect();
      const sent = new Set<string>();
      const unknown = new Set<string>();
      const sending = (async () => {
        for (const [index, job] of jobs(COUNT).entries()) {
          const message = ordering === "none" ? job : { ...job, orderingKey: `key ${index % 50}` };
          const [outcome] = await queue.sendBatch(name, [{ ...message, id: `${name}-${index}` }]);
          if (outcome!.ok) sent.add(outcome!.id);
          else unknown.add(`${name}-${index}`);
          if (index % 50 === 0) await sleep(5);
        }
      })();
      const order = new OrderCheck();
      const working = work(
        queue,
        name,
        async ({ payload, orderingKey }) => {
          await sleep(1);
          if (orderingKey !== undefined) order.see(orderingKey, payload as number);
        },
        { concurrency: 50, leaseMs: LEASE_MS },
      );
      for (const share of [1 / 4, 1 / 2]) {
        await until(`a share of ${share}`, () => working.handled.size >= COUNT * share, 180_000);
        await end();
        await sleep(200);
        await own.start();
      }
      await sending;
      await until("all messages", () => [...sent].every((id) => working.handled.has(id)), 120_000);
      await until("the queue is empty", async () => (await leftIn(queue, name)) === 0, 120_000);
      await working.stop();
      expect(sent.size + unknown.size).toBe(COUNT);
      // Sends are tried again until their deadline, which is longer than the restarts.
      expect(unknown.size).toBe(0);
      expect(order.overtaken).toBe(0);
    },
  );
});
