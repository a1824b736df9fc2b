import { describe, expect, test } from "vitest";
import { memory } from "../../../adapters/memory/index.ts";
import type { Delivery } from "../../../src/driver/contract.ts";
import { PollRunner } from "../../../src/driver/poll-runner.ts";
import { createQueue } from "../../../src/client/create-queue.ts";
import { QueueError } from "../../../src/errors.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Worker } from "../../../src/worker/worker.ts";
import { delivery, HOUR, SECOND, watch } from "../support.ts";

/** An administrator or a time service sets the time of day by an hour, backwards or forwards. */
describe.each([
  ["back", -HOUR],
  ["ahead", HOUR],
])("while the time of day is set %s by an hour,", (_, byMs) => {
  const set = (clock: FakeClock): void => clock.setTime(clock.now() + byMs);

  test("a send ends at its deadline", async () => {
    const clock = new FakeClock();
    const driver = memory({ clock });
    driver.send = () => new Promise(() => {});
    const queue = createQueue(driver);
    const sent = watch(queue.send("jobs", { type: "mail", payload: 1 }, { deadlineMs: 1_000 }));
    await clock.advance(400);
    set(clock);
    await clock.advance(599);
    expect(sent.state).toBe("pending");
    await clock.advance(1);
    expect((sent.error as QueueError).code).toBe("send_unknown");
  });

  test("a send whose queue cannot be described ends at its deadline", async () => {
    const clock = new FakeClock();
    const driver = memory({ clock });
    driver.describe = () => new Promise(() => {});
    const queue = createQueue(driver);
    const sent = watch(queue.send("jobs", { type: "mail", payload: 1 }, { deadlineMs: 1_000 }));
    await clock.advance(400);
    set(clock);
    await clock.advance(600);
    expect((sent.error as QueueError).code).toBe("send_failed");
  });

  test("a job is aborted at its time limit and given up at its hard limit", async () => {
    const clock = new FakeClock();
    const queue = createQueue(memory({ clock }));
    const worker = new Worker(queue, { timeoutMs: 10_000, graceMs: 1_000, hardLimitMs: 5_000 });
    const startedAt = clock.monotonic();
    const seen: [string, number][] = [];
    const note = (what: string): void => void seen.push([what, clock.monotonic() - startedAt]);
    worker.register("mail", (_message, { signal }) => {
      signal.addEventListener("abort", () => note("aborted"));
      return new Promise(() => {});
    });
    worker.on("stuck", ({ runningMs }) => note(`stuck after ${runningMs}`));
    worker.on("retrying", () => note("given up"));
    void worker.run("jobs").catch(() => {});
    await queue.send("jobs", { type: "mail", payload: 1 });
    await clock.advance(4_000);
    set(clock);
    await clock.advance(11_000);
    expect(seen).toEqual([
      ["aborted", 10_000],
      ["stuck after 11000", 11_000],
      ["given up", 15_000],
    ]);
  });

  test("a job that runs for longer than its lease is run once, and its duration is true", async () => {
    const clock = new FakeClock();
    const queue = createQueue(memory({ clock }));
    const worker = new Worker(queue);
    const durations: number[] = [];
    let runs = 0;
    worker.register("mail", async () => {
      runs += 1;
      await new Promise<void>((resolve) => clock.timer(90_000, resolve));
    });
    worker.on("completed", ({ durationMs }) => durations.push(durationMs));
    const stop = new AbortController();
    const done = worker.run("jobs", { signal: stop.signal });
    await queue.send("jobs", { type: "mail", payload: 1 });
    await clock.advance(5 * SECOND);
    set(clock);
    await clock.advance(200 * SECOND);
    expect({ runs, durations }).toEqual({ runs: 1, durations: [90_000] });
    stop.abort();
    await clock.until(done);
  });

  test("a queue that is closed with a job under way closes at the end of the drain", async () => {
    const clock = new FakeClock();
    const queue = createQueue(memory({ clock }));
    const worker = new Worker(queue, { drainMs: 3_000, graceMs: 1_000 });
    worker.register("mail", () => new Promise(() => {}));
    const stop = new AbortController();
    const done = watch(worker.run("jobs", { signal: stop.signal }));
    await queue.send("jobs", { type: "mail", payload: 1 });
    await clock.advance(SECOND);
    stop.abort();
    await clock.advance(SECOND);
    set(clock);
    await clock.advance(3 * SECOND);
    expect((done.error as QueueError).code).toBe("drain_incomplete");
  });

  test("a delayed message and a retry are delivered when their time has passed", async () => {
    const clock = new FakeClock();
    const queue = createQueue(memory({ clock }));
    const startedAt = clock.monotonic();
    const runs: number[] = [];
    const stop = new AbortController();
    const receiving = queue.receive(
      "jobs",
      () => {
        runs.push(clock.monotonic() - startedAt);
        if (runs.length === 1) throw new Error("once");
        return Promise.resolve();
      },
      { signal: stop.signal, backoff: { baseMs: 10_000, factor: 1, capMs: 10_000, jitter: false } },
    );
    await queue.sendDelayed("jobs", { type: "mail", payload: 1 }, 10_000);
    await clock.advance(SECOND);
    set(clock);
    await clock.advance(30 * SECOND);
    expect(runs).toEqual([10_000, 20_000]);
    stop.abort();
    await clock.until(receiving);
  });

  test("a worker whose polls have stopped is not ready after 90 s, and one that polls is", async () => {
    const clock = new FakeClock();
    const driver = memory({ clock });
    const worker = new Worker(createQueue(driver));
    worker.register("mail", () => Promise.resolve());
    void worker.run("jobs").catch(() => {});
    await clock.advance(60 * SECOND);
    set(clock);
    await clock.settle();
    expect(worker.health().ready).toBe(true);
    await clock.advance(60 * SECOND);
    expect(worker.health().ready).toBe(true);
  });

  test("a message that arrived when nobody waited is handed out while its lease lasts, and not after", async () => {
    const clock = new FakeClock();
    const answers: ((deliveries: Delivery[]) => void)[] = [];
    const polls = new PollRunner(() => new Promise((resolve) => answers.push(resolve)), clock, 20_000);
    const late = async (): Promise<void> => {
      const abort = new AbortController();
      const polled = polls.next(1, abort.signal);
      abort.abort();
      await polled;
      answers.pop()?.([delivery({ leaseUntil: clock.now() + 30_000 })]);
      await clock.settle();
      set(clock);
    };
    await late();
    await clock.advance(29_000);
    const [kept] = await polls.next(1, new AbortController().signal);
    expect((kept as Delivery).leaseUntil - clock.now()).toBe(1_000);

    await late();
    await clock.advance(30_000);
    const stopped = polls.stop();
    expect(await stopped).toEqual([]);
  });
});

test("a worker whose polls have stopped is not ready after 90 s if the time of day was set back meanwhile", async () => {
  const clock = new FakeClock();
  const driver = memory({ clock });
  const open = driver.open.bind(driver);
  let polls = 0;
  driver.open = (queue, options) => {
    const source = open(queue, options);
    const next = source.next.bind(source);
    source.next = (max, signal) => ((polls += 1) > 1 ? new Promise(() => {}) : next(max, signal));
    return source;
  };
  const worker = new Worker(createQueue(driver));
  worker.register("mail", () => Promise.resolve());
  void worker.run("jobs").catch(() => {});
  await clock.advance(30 * SECOND);
  expect(worker.health().ready).toBe(true);
  clock.setTime(clock.now() - HOUR);
  await clock.advance(120 * SECOND);
  expect(worker.health().ready).toBe(false);
});
