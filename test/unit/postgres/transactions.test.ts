import { randomUUID } from "node:crypto";
import { Pool } from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { postgres, postgresJobStore } from "../../../adapters/postgres/index.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import type { Delivery, Driver } from "../../../src/driver/index.ts";
import { createJobs, type Jobs, type JobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { createDatabase, type TestDatabase } from "../../support/postgres-database.ts";
import { findServer, onServer } from "../../support/servers/find-server.ts";
import { libraries, type Library } from "./transaction-libraries.ts";

const { server, missing } = await findServer("postgres");
afterAll(() => server?.close());

/** Text that a library could take for a parameter, a quote, an escape or a cast of its own. */
const TRICKY = `$1 $2 ? ?? \\? :name ::text 'single' "double" $$dollar$$ \\ % {} -- /* ünï 🎈`;
const never = new AbortController().signal;

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  let database: TestDatabase;
  let driver: Driver;
  let queue: Queue;
  let store: JobStore;
  let jobs: Jobs;
  let name = "";

  beforeAll(async () => {
    database = await createDatabase(server!.url);
    await database.query("CREATE TABLE users (email text NOT NULL)");
    driver = postgres({ url: database.url, listen: false });
    queue = createQueue(driver);
    store = postgresJobStore({ url: database.url });
    jobs = await createJobs(queue, { store, migrate: true });
  });
  afterAll(async () => {
    await jobs.close();
    await store.close();
    await queue.close();
    await database.drop();
  });
  beforeEach(async () => {
    name = `q-${randomUUID()}`;
    await queue.ensure(name, { ordering: "by_key" });
  });

  /** The users with this address. */
  async function usersOf(email: string): Promise<number> {
    return (await database.query("SELECT FROM users WHERE email = $1", [email])).rowCount ?? 0;
  }

  /** The messages that the queue delivers. There is no more than one that is due, or the next call finds it. */
  async function received(): Promise<Delivery[]> {
    const source = driver.open(name, { prefetch: 10, leaseMs: 60_000, waitMs: 50 });
    const deliveries = [...(await source.next(10, never)), ...(await source.next(10, never))];
    await source.settle(deliveries.map((delivery) => ({ kind: "ack", delivery })));
    await source.stop();
    await source.close();
    return deliveries;
  }

  /** Bodies and keys of what the queue delivers. */
  async function bodies(): Promise<{ payload: unknown; orderingKey: string | undefined }[]> {
    return (await received()).map(({ body, orderingKey }) => {
      const { payload } = JSON.parse(String(body)) as { payload: unknown };
      return { payload, orderingKey };
    });
  }

  describe.each(Object.keys(libraries))("%s", (which) => {
    let library: Library;
    beforeEach(() => {
      library = libraries[which]!(database.url);
    });
    afterEach(() => library.close());

    test("a commit delivers the message and keeps the row", async () => {
      await library.transact(async ({ handle, addUser }) => {
        await addUser(name);
        await queue.send(name, { type: "welcome", payload: { name } }, { transaction: handle });
        // On another connection, neither is there yet.
        expect(await usersOf(name)).toBe(0);
        expect(await bodies()).toEqual([]);
      });
      expect(await usersOf(name)).toBe(1);
      expect(await bodies()).toEqual([{ payload: { name }, orderingKey: undefined }]);
    });

    test("a roll-back delivers no message and keeps no row", async () => {
      const failure = new Error("this name is taken");
      const signUp = library.transact(async ({ handle, addUser }) => {
        await addUser(name);
        await queue.send(name, { type: "welcome", payload: {} }, { transaction: handle });
        await queue.sendDelayed(name, { type: "remind", payload: {} }, "1h", { transaction: handle });
        throw failure;
      });
      await expect(signUp).rejects.toBe(failure);
      expect(await usersOf(name)).toBe(0);
      expect(await bodies()).toEqual([]);
      expect(await queue.stats(name)).toMatchObject({ backlog: 0, delayed: 0 });
    });

    test("text that looks like parameters and quotes arrives as it is, also as a key", async () => {
      await library.transact(async ({ handle }) => {
        const message = { type: TRICKY, payload: { [TRICKY]: TRICKY }, orderingKey: TRICKY };
        await queue.send(name, message, { transaction: handle });
      });
      expect(await bodies()).toEqual([{ payload: { [TRICKY]: TRICKY }, orderingKey: TRICKY }]);
    });

    test("messages of one key are delivered in their order", async () => {
      await library.transact(async ({ handle }) => {
        for (const payload of [1, 2, 3])
          await queue.send(name, { type: "step", payload, orderingKey: "a" }, { transaction: handle });
      });
      const steps = [...(await bodies()), ...(await bodies()), ...(await bodies())];
      expect(steps.map(({ payload }) => payload)).toEqual([1, 2, 3]);
    });

    test("a delayed message waits, and can be cancelled after the commit", async () => {
      let handleOfMessage: string | undefined;
      await library.transact(async ({ handle }) => {
        const message = { type: "remind", payload: {} };
        const options = { cancellable: true, transaction: handle };
        ({ handle: handleOfMessage } = await queue.sendDelayed(name, message, "1h", options));
      });
      expect(await bodies()).toEqual([]);
      expect(await queue.stats(name)).toMatchObject({ delayed: 1 });
      expect(await queue.cancel(handleOfMessage!)).toBe(true);
    });

    test("bytes that are no text arrive unchanged, from a driver that checks the schema on the transaction", async () => {
      const fresh = postgres({ url: database.url });
      const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
      await library.transact(async ({ handle }) => {
        const outgoing = { body: all, attributes: { [TRICKY]: TRICKY }, delayMs: 0 };
        const results = await fresh.send(name, [outgoing], never, { transaction: handle });
        expect(results).toMatchObject([{ ok: true }]);
      });
      await fresh.close();
      const [delivery, ...others] = await received();
      expect(others).toEqual([]);
      expect(Buffer.from(delivery!.body as Uint8Array).equals(all)).toBe(true);
      expect(delivery!.attributes).toEqual({ [TRICKY]: TRICKY });
    });

    test("a recorded job is there after the commit, and not after a roll-back", async () => {
      const failure = new Error("this name is taken");
      const message = { type: "welcome", payload: { [TRICKY]: TRICKY } };
      const signUp = (then: () => void): Promise<unknown> =>
        library.transact(async ({ handle }) => {
          await jobs.send(message, { queue: name, transaction: handle });
          then();
        });
      const failing = (): never => {
        throw failure;
      };
      await expect(signUp(failing)).rejects.toBe(failure);
      await signUp(() => {});
      const { jobs: recorded } = await jobs.list({ queue: name });
      expect(recorded).toHaveLength(1);
      const record = await jobs.get(recorded[0]!.id, ["payload"]);
      expect(record).toMatchObject({ type: "welcome", payload: { [TRICKY]: TRICKY } });
    });

    test("an error of the server has its usual code", async () => {
      const elsewhere = createQueue(postgres({ url: database.url, schema: "missing" }));
      const signUp = library.transact(async ({ handle }) => {
        await elsewhere.send(name, { type: "welcome", payload: {} }, { transaction: handle });
      });
      await expect(signUp).rejects.toMatchObject({ code: "not_found" });
      await elsewhere.close();
    });
  });

  test("the first send does not wait for a pool whose only connection is in the transaction", async () => {
    const pool = new Pool({ connectionString: database.url, max: 1 });
    const ofPool = createQueue(postgres({ client: pool }));
    const client = await pool.connect();
    await client.query("BEGIN");
    const options = { transaction: client, deadlineMs: 10_000 };
    await ofPool.send(name, { type: "welcome", payload: 7 }, options);
    await client.query("COMMIT");
    client.release();
    expect(await bodies()).toEqual([{ payload: 7, orderingKey: undefined }]);
    await ofPool.close();
    await pool.end();
  });

  test("a transaction of another library that was not adapted is refused, and nothing is sent", async () => {
    const sending = queue.send(name, { type: "welcome", payload: {} }, { transaction: { execute() {} } });
    await expect(sending).rejects.toThrow(/fromKysely, fromKnex, fromDrizzle or fromPrisma/);
    expect(await bodies()).toEqual([]);
  });
});
