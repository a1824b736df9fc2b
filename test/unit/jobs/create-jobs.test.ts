import { describe, expect, test, vi } from "vitest";
import { QueueError } from "../../../src/errors.ts";
import { createJobs, type JobsOptions, type JobStore, memoryJobStore } from "../../../src/jobs/index.ts";
import type { Queue } from "../../../src/queue/queue.ts";
import { HOUR, MINUTE, SECOND, watch } from "../support.ts";
import { JobsFixture } from "./fixture.ts";

const mail = { type: "mail", payload: {} };

describe("createJobs", () => {
  test("separates the jobs of two namespaces in one store", async () => {
    const fixture = new JobsFixture();
    const staging = await fixture.jobs({ namespace: "staging" });
    const production = await fixture.jobs({ namespace: "production" });
    await staging.send({ ...mail, id: "a" });
    expect(await production.get("a")).toBeUndefined();
    expect((await production.send({ ...mail, id: "a" })).created).toBe(true);
    expect([staging.namespace, (await fixture.jobs()).namespace]).toEqual(["staging", "memory"]);
  });

  test("refuses a namespace that belongs to other queues", async () => {
    const fixture = new JobsFixture();
    await fixture.jobs({ namespace: "mine" });
    const other = new JobsFixture({ emulate: "sqs" });
    Object.assign(other.queue, { scope: "sqs eu-west-1" });
    const creating = createJobs(other.queue, { store: fixture.store, namespace: "mine" });
    await expect(creating).rejects.toMatchObject({
      code: "config",
      message: expect.stringContaining("Give createJobs another namespace"),
    });
  });

  test("warns of a store that is shared and a queue that is not, so that no job waits in vain without a word", async () => {
    const fixture = new JobsFixture();
    await fixture.jobs();
    expect(fixture.warnings).toEqual([]);
    Object.assign(fixture.store, { capabilities: { ...fixture.store.capabilities, shared: true } });
    await fixture.jobs();
    expect(fixture.warnings).toEqual([
      ["queue_not_shared", expect.stringContaining("use a provider that they share")],
    ]);
    Object.assign(fixture.queue, { isProcessLocal: false });
    fixture.warnings.length = 0;
    await fixture.jobs();
    expect(fixture.warnings).toEqual([]);
  });

  test("brings the store up to date only if it is asked to", async () => {
    const fixture = new JobsFixture();
    let migrations = 0;
    fixture.storeFault = ({ method }) => {
      if (method === "migrate") migrations += 1;
      return undefined;
    };
    await fixture.jobs();
    expect(migrations).toBe(0);
    await fixture.jobs({ migrate: true });
    expect(migrations).toBe(1);
  });

  test.each(["hang", "fail"] as const)(
    "works without a store that does not answer (%s), and opens it when it is back",
    async (fault) => {
      const fixture = new JobsFixture();
      let opens = 0;
      fixture.storeFault = ({ method }) => {
        if (method === "open") opens += 1;
        return fault;
      };
      const creating = watch(fixture.jobs());
      await fixture.clock.advance(5 * SECOND);
      expect(creating.state).toBe("resolved");
      expect(fixture.warnings).toEqual([
        ["store_down", expect.stringContaining("opened as soon as it is back")],
      ]);
      const sending = watch(creating.value?.send(mail) ?? Promise.reject(new Error("no jobs")));
      await fixture.clock.advance(SECOND);
      expect(sending.value).toMatchObject({ created: true, tracked: false });
      fixture.storeFault = () => undefined;
      await fixture.clock.advance(MINUTE);
      expect(await sending.value?.get()).toMatchObject({ status: "queued" });
      expect(opens).toBeGreaterThan(0);
      await creating.value?.close();
    },
  );

  test("starts workers and events before the store is open, and listens to it from then on", async () => {
    const fixture = new JobsFixture();
    let isDown = true;
    let isOpen = false;
    const store: JobStore = {
      ...fixture.store,
      open: async (...given) => {
        if (isDown) throw new QueueError("store_unavailable", "locked", { retryable: true });
        await fixture.store.open(...given);
        isOpen = true;
      },
      listen: (...given) => {
        if (!isOpen) throw new QueueError("config", "The namespace is not open.");
        return fixture.store.listen(...given);
      },
    };
    const jobs = await fixture.jobs({ store });
    const worker = jobs.worker();
    let isAborted = false;
    worker.register("mail", (_, { signal }) => {
      signal.addEventListener("abort", () => (isAborted = true));
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    });
    await worker.start("jobs");
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { event } of jobs.events({ signal: stop.signal })) seen.push(event);
    })();
    await fixture.clock.settle();
    isDown = false;
    await fixture.clock.advance(MINUTE);
    await jobs.send({ ...mail, id: "a" });
    await fixture.clock.settle();
    expect(await jobs.get("a")).toMatchObject({ status: "processing" });
    await jobs.cancel("a");
    await fixture.clock.settle();
    expect(isAborted).toBe(true);
    expect(seen).toContain("job.started");
    stop.abort();
    await fixture.clock.advance(SECOND);
    await reading;
    const closing = watch(jobs.close());
    await fixture.clock.advance(MINUTE);
    expect(closing.state).toBe("resolved");
  });

  const store = memoryJobStore();
  test.each([
    [{ store: undefined }, "store is a job store, such as memoryJobStore()"],
    [{ stor: store }, 'unknown option "stor"; did you mean store?'],
    [{ store, whenStoreIsDown: "stop" }, 'whenStoreIsDown is "run" or "wait"'],
    [{ store, track: "outcome" }, 'track is "full" or "off"'],
    [{ store, maxAttempts: 0 }, "maxAttempts is a whole number, 1 or more"],
    [{ store, maxJobs: { jobs: -1 } }, 'maxJobs of queue "jobs" is a whole number'],
    [{ store, namespace: "" }, "the namespace is a non-empty string"],
    [{ store, queueOf: "jobs" }, "queueOf is a function"],
    [{ store, definitions: [{ type: "a" }, { type: "a" }] }, 'two definitions have the type "a"'],
    [{ store, definitions: [{}] }, "each of definitions has a type"],
    [{ store, definitions: {} }, "definitions is a list"],
    [null, "createJobs needs options with a store"],
  ])("refuses %j", async (options, sentence) => {
    const { queue } = new JobsFixture();
    await expect(createJobs(queue, options as JobsOptions)).rejects.toThrow(sentence);
  });

  test("refuses a queue that is none of queueport", async () => {
    await expect(createJobs({} as Queue, { store })).rejects.toThrow("createJobs takes a queue that");
    await expect(createJobs(undefined as never, { store })).rejects.toThrow("got undefined");
  });
});

describe("a store in memory without a worker", () => {
  test("is warned about once, after the first send", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await fixture.clock.advance(HOUR);
    await jobs.send(mail);
    await fixture.clock.advance(9 * SECOND);
    expect(fixture.warnings).toEqual([]);
    await fixture.clock.advance(SECOND);
    await jobs.send(mail);
    await fixture.clock.advance(HOUR);
    expect(fixture.warnings).toEqual([
      ["memory_store", expect.stringContaining("a store that processes share")],
    ]);
  });

  test("is not warned about if there is a worker", async () => {
    const fixture = new JobsFixture();
    const jobs = await fixture.jobs();
    await jobs.send(mail);
    jobs.worker();
    await fixture.clock.advance(MINUTE);
    expect(fixture.warnings).toEqual([]);
  });
});

test("a warning without a listener is one of the process, and a listener that throws does no harm", async () => {
  const fixture = new JobsFixture();
  const emitted: unknown[] = [];
  const spy = vi.spyOn(process, "emitWarning").mockImplementation((...args) => void emitted.push(args));
  try {
    const jobs = await fixture.jobs({ onWarning: undefined });
    await jobs.send(mail);
    await fixture.clock.advance(MINUTE);
    expect(emitted).toEqual([
      [expect.stringContaining("job store"), { type: "QueueportWarning", code: "QUEUEPORT_MEMORY_STORE" }],
    ]);
    const throwing = await fixture.jobs({
      onWarning: () => {
        throw new Error("broken listener");
      },
    });
    await throwing.send(mail);
    await fixture.clock.advance(MINUTE);
  } finally {
    spy.mockRestore();
  }
});
