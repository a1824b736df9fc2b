import { AsyncLocalStorage } from "node:async_hooks";
import { describe, expect, it } from "vitest";
import { createJobs, type Jobs, memoryJobStore } from "../../../../src/jobs/index.ts";
import { Door, QueueFixture } from "../../support.ts";

/** Jobs over a store that answers without a promise: nothing stands between them. */
class Fixture extends QueueFixture {
  readonly store = memoryJobStore({ clock: this.clock });
  readonly opening = createJobs(this.queue, { store: this.store, queueOf: () => "jobs" });

  async start(): Promise<Jobs> {
    const jobs = await this.opening;
    await this.clock.settle();
    return jobs;
  }
}

describe("a job whose store applies changes at once", () => {
  it("is recorded as it was when it was sent, runs once, and is settled after its end is recorded", async () => {
    const fixture = new Fixture();
    const jobs = await fixture.start();
    const payload = { n: 1 };
    const sending = jobs.send({ type: "t", payload, headers: { a: "1" } });
    payload.n = 2;
    const { id } = await sending;
    expect(await jobs.get(id, ["payload"])).toMatchObject({ status: "queued", payload: { n: 1 } });

    const door = new Door();
    const seen: unknown[] = [];
    const worker = jobs.worker();
    worker.register("t", async ({ payload: received }, { attempt, isTracked }) => {
      seen.push(received, attempt, isTracked);
      await door.opened;
      return { done: true };
    });
    await worker.start("jobs");
    await fixture.clock.settle();
    expect(await jobs.get(id)).toMatchObject({ status: "processing", attempt: 1 });
    door.open();
    await fixture.clock.settle();
    expect(seen).toEqual([{ n: 1 }, 1, true]);
    expect(await jobs.get(id, ["result"])).toMatchObject({ status: "completed", result: { done: true } });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ backlog: 0 });
    await fixture.clock.until(jobs.close());
  });

  it("is not started again if its message is redelivered after its end", async () => {
    const fixture = new Fixture();
    const jobs = await fixture.start();
    let runs = 0;
    const worker = jobs.worker();
    worker.register("t", () => void (runs += 1));
    await worker.start("jobs");
    const { id } = await jobs.send({ type: "t", payload: null });
    await fixture.clock.settle();
    // The clock stands still, so this is the same message again.
    await fixture.queue.send("jobs", { id, type: "t", payload: null });
    await fixture.clock.settle();
    expect(runs).toBe(1);
    expect(await jobs.get(id)).toMatchObject({ status: "completed", attempt: 1 });
    expect(await fixture.queue.stats("jobs")).toMatchObject({ backlog: 0 });
    await fixture.clock.until(jobs.close());
  });

  it("fails, is tried again, and is dead-lettered, with each end recorded", async () => {
    const fixture = new Fixture();
    const jobs = await fixture.start();
    const worker = jobs.worker({ backoff: { baseMs: 1_000, jitter: false } });
    worker.on("failed", () => undefined);
    worker.register("t", () => {
      throw new Error("no");
    });
    await worker.start("jobs");
    const { id } = await jobs.send({ type: "t", payload: null, maxAttempts: 2 });
    await fixture.clock.settle();
    expect(await jobs.get(id)).toMatchObject({ status: "retrying", attempt: 1 });
    await fixture.clock.advance(1_100);
    expect(await jobs.get(id)).toMatchObject({ status: "failed", attempt: 2 });
    await fixture.clock.until(jobs.close());
  });

  it("is aborted in the context of its worker, and not in that of the caller who cancels it", async () => {
    const fixture = new Fixture();
    const jobs = await fixture.start();
    const storage = new AsyncLocalStorage<string>();
    const contexts: (string | undefined)[] = [];
    const worker = jobs.worker();
    worker.register(
      "t",
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            contexts.push(storage.getStore());
            reject(signal.reason as Error);
          });
        }),
    );
    worker.on("not_run", () => undefined);
    await worker.start("jobs");
    const { id } = await jobs.send({ type: "t", payload: null });
    await fixture.clock.settle();
    await storage.run("the caller", () => jobs.cancel(id));
    await fixture.clock.settle();
    expect(contexts).toEqual([undefined]);
    expect(await jobs.get(id)).toMatchObject({ status: "cancelled" });
    await fixture.clock.until(jobs.close());
  });
});
