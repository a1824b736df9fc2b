import { expectEqual } from "../../../conformance/kit/expect.ts";
import { WORKER_GONE_MS, type WorkerRow } from "../../store/job-store.ts";
import { group, type JobStoreCase } from "../case.ts";
import { expectSameJson } from "../kit/compare.ts";

const worker = (id: string, running: readonly string[] = []): WorkerRow => ({
  id,
  host: "host",
  pid: 42,
  version: "1.0.0",
  queues: ["emails"],
  types: ["email"],
  slots: 10,
  running,
  runningCount: running.length,
  lagMs: 1.5,
  rss: 50_000_000,
  startedAt: 1_000,
  seenAt: 0,
});

export const workerCases: readonly JobStoreCase[] = group("workers", [
  {
    name: "a worker is listed as it reported itself last, with the time of the store",
    async run({ store, namespace, clock, wait }) {
      await store.beat(namespace, worker("w1"));
      await wait(1_000);
      await store.beat(namespace, worker("w1", ["a", "b"]));
      expectSameJson("the workers", await store.workers(namespace), [
        { ...worker("w1", ["a", "b"]), seenAt: clock.now() },
      ]);
    },
  },
  {
    name: "a worker that leaves or is not seen for a minute is not listed",
    async run({ store, namespace, wait }) {
      for (const id of ["w1", "w2", "w3"]) await store.beat(namespace, worker(id));
      await store.leave(namespace, "w1");
      await store.leave(namespace, "unknown");
      await wait(WORKER_GONE_MS);
      await store.beat(namespace, worker("w3"));
      const ids = async (): Promise<string[]> =>
        (await store.workers(namespace)).map(({ id }) => id).toSorted();
      expectEqual("the workers after a minute", await ids(), ["w2", "w3"]);
      await wait(1);
      expectEqual("the workers later", await ids(), ["w3"]);
    },
  },
]);
