import { afterAll, describe, expect, test } from "vitest";
import { postgresJobStore } from "../../adapters/postgres/index.ts";
import { isQueueError } from "../../src/errors.ts";
import type { JobAnswer, JobChange, JobStore } from "../../src/jobs/store/index.ts";
import { createDatabase } from "../support/postgres-database.ts";
import { TcpProxy } from "../support/proxy/tcp-proxy.ts";
import { findServer, onServer } from "../support/servers/find-server.ts";
import { claim, end, insert } from "../unit/sqlite/fixture.ts";

const JOBS = 600;
const LANES = 30;

const { server, missing } = await findServer("postgres");
afterAll(() => server?.close());

/** Repeats a change until it is answered, as a writer of jobs does. */
async function applied(store: JobStore, change: JobChange): Promise<JobAnswer> {
  for (;;) {
    try {
      const [answer] = await store.apply("ns", [change]);
      if (answer !== undefined && answer.do !== "again") return answer;
    } catch (error) {
      if (!isQueueError(error, "store_unavailable") || !error.retryable) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

describe.skipIf(missing !== undefined)(onServer("postgres"), () => {
  test.each([
    ["every connection is cut", (proxy: TcpProxy) => proxy.cutAll()],
    // Longer than the time limit of a statement, so that answers are lost and changes are repeated.
    ["nothing arrives for three seconds", (proxy: TcpProxy) => proxy.stall(3_000)],
  ])(
    "each job is recorded once, and no change of it is missed by a reader, although %s",
    { timeout: 240_000 },
    async (_what, disturb) => {
      const database = await createDatabase(server!.url);
      const at = new URL(database.url);
      await using proxy = await TcpProxy.start({ host: at.hostname, port: Number(at.port || 5_432) });
      const proxied = new URL(database.url);
      proxied.host = `127.0.0.1:${proxy.port}`;
      const store = postgresJobStore({ url: proxied.href, onWarning: () => {} });
      await store.migrate();
      await store.open("ns", "memory");
      const reader = postgresJobStore({ url: database.url });
      await reader.open("ns", "memory");
      const { cursor: start } = await reader.changedSince("ns", undefined, 10);

      let [next, done] = [0, 0];
      const lane = async (): Promise<void> => {
        while (next < JOBS) {
          const id = `job-${(next += 1)}`;
          const job = { createdAt: Date.now(), tags: ["x"] };
          await applied(store, insert(id, job));
          expect(await applied(store, claim(id, id, job))).toMatchObject({ do: "run", attempt: 1 });
          expect(await applied(store, end(id, id))).toMatchObject({ verdict: "recorded" });
          done += 1;
          if (done === JOBS / 4 || done === JOBS / 2) disturb(proxy);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));

      const seen = new Set<string>();
      for (let cursor = start, hasMore = true; hasMore;) {
        const page = await reader.changedSince("ns", cursor, 100);
        for (const { id, status } of page.rows) if (status === "completed") seen.add(id);
        ({ cursor, hasMore } = page);
      }
      expect(seen.size).toBe(JOBS);
      const { total } = await reader.list(
        "ns",
        { status: ["completed"], tag: "x" },
        { limit: 1, order: "oldest" },
      );
      expect(total).toBe(JOBS);
      // Each end counts once, however often it was written.
      const minutes = await reader.minutes("ns", Date.now() - 600_000);
      expect(minutes.reduce((sum, { count }) => sum + count, 0)).toBe(JOBS);
      await store.close();
      await reader.close();
      await database.drop();
    },
  );
});
